//! The path below which a proxy shows the page.

use std::str::FromStr;

/// The path below which the page is; it ends without a slash, and is empty where the page is at the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// Why a text is no base path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a path such as /voice, of letters, digits and -._~")]
pub struct InvalidBasePath;

impl BasePath {
    /// A path below it.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for BasePath {
    type Err = InvalidBasePath;

    fn from_str(text: &str) -> Result<Self, InvalidBasePath> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_segment = |segment: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !["", ".", ".."].contains(&segment) && segment.bytes().all(known)
        };
        match path.strip_prefix('/') {
            None if text == "/" => Ok(Self::default()),
            Some(segments) if segments.split('/').all(is_segment) => Ok(Self(path.to_owned())),
            _ => Err(InvalidBasePath),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_with_and_without_a_slash_at_the_end() {
        for (text, index) in
            [("/", "/"), ("/voice", "/voice/"), ("/voice/", "/voice/"), ("/a/b.c/", "/a/b.c/")]
        {
            assert_eq!(BasePath::from_str(text).unwrap().join("/"), index);
        }
        for bad in ["", "voice", "//", "/a//b", "/../x", "/{x}", "/a b", "/\u{e9}"] {
            assert_eq!(BasePath::from_str(bad), Err(InvalidBasePath), "{bad}");
        }
    }
}
