//! The address of a provider, with or without the version of its API.

use std::str::FromStr;

use reqwest::Url;
use serde::Deserialize;

/// Where a provider's requests go, such as `https://api.openai.com/v1`: what stands before `/chat/completions`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(Url);

/// It is no address of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "wanted an address such as https://api.openai.com/v1 or http://127.0.0.1:8000, without user, query or fragment"
)]
pub struct InvalidBaseUrl;

impl BaseUrl {
    /// The address of a request, such as that of `chat/completions`.
    pub(super) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path()));
        url
    }

    /// The host, with the port where it is not the usual one.
    pub(super) fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The host, if what is sent to it can be read on the way.
    pub(super) fn plain_text_host(&self) -> Option<&str> {
        self.0.host_str().filter(|_| self.0.scheme() == "http")
    }

    /// Whether it is LiveKit Inference's own, whatever its environment.
    pub(super) fn is_livekit(&self) -> bool {
        self.0.host_str().is_some_and(|host| host.ends_with(".livekit.cloud"))
    }

    /// Whether it is OpenAI's own, the regional ones included.
    pub(super) fn is_openai(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        self.0.scheme() == "https" && (host == "api.openai.com" || host.ends_with(".api.openai.com"))
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(text: String) -> Result<Self, InvalidBaseUrl> {
        text.parse()
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        let mut url = Url::parse(text.trim()).map_err(|_| InvalidBaseUrl)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !["http", "https"].contains(&url.scheme()) || !plain {
            return Err(InvalidBaseUrl);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        // Some have another version than v1, or something behind it: what has a version is whole.
        let versioned = path.split('/').any(|segment| {
            segment
                .strip_prefix('v')
                .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        });
        url.set_path(&if versioned { path } else { format!("{path}/v1") });
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_their_version() {
        for (text, address) in [
            ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            (" http://127.0.0.1:8000/v1/ ", "http://127.0.0.1:8000/v1/chat/completions"),
            ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1/chat/completions"),
            ("https://example.org/models/", "https://example.org/models/v1/chat/completions"),
            ("https://example.org/v1beta/openai/", "https://example.org/v1beta/openai/chat/completions"),
            ("https://example.org/voice", "https://example.org/voice/v1/chat/completions"),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().join("chat/completions").as_str(), address);
        }
        for text in
            ["", "api.openai.com", "ftp://x", "https://me:secret@x", "https://x?key=secret", "https://x#y"]
        {
            assert_eq!(text.parse::<BaseUrl>(), Err(InvalidBaseUrl), "{text}");
        }
    }

    #[test]
    fn only_openai_is_openai() {
        for (text, openai) in [
            ("https://api.openai.com/v1", true),
            ("https://eu.api.openai.com/v1", true),
            ("http://api.openai.com/v1", false),
            ("https://api.openai.com.example.org/v1", false),
            ("https://notapi.openai.com/v1", false),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().is_openai(), openai, "{text}");
        }
    }
}
