//! The logo: a file of the operator's that is served beside the page.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str;

use axum::body::Bytes;

/// Longest file, in bytes: the logo is a part of what every visitor loads first.
const LONGEST: usize = 256 * 1024;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A picture, as it was at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logo {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: &'static str,
}

impl Logo {
    /// Reads a file; else says what is wrong with it.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Self::of(bytes).map_err(|why| format!("{} {why}", path.display()))
    }

    /// What it is follows from what is in it, and not from its name.
    fn of(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() > LONGEST {
            return Err(format!("is longer than {} KiB", LONGEST / 1024));
        }
        let content_type = if bytes.starts_with(PNG) {
            "image/png"
        } else if str::from_utf8(&bytes).is_ok_and(is_svg) {
            "image/svg+xml"
        } else {
            return Err("is neither a PNG nor an SVG".to_owned());
        };
        Ok(Self { bytes: bytes.into(), content_type })
    }
}

/// Whether the first element of an XML document is `svg`.
fn is_svg(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!") {
            ">"
        } else {
            break;
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    rest.strip_prefix("<svg").is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n', '>']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_what_is_in_them() {
        let of = |bytes: &[u8]| Logo::of(bytes.to_vec()).map(|logo| logo.content_type);
        assert_eq!(of(b"\x89PNG\r\n\x1a\n...."), Ok("image/png"));
        for svg in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- <html> -->\n<!DOCTYPE svg>\n<svg>",
        ] {
            assert_eq!(of(svg.as_bytes()), Ok("image/svg+xml"), "{svg}");
        }
        for other in ["", "<html><svg></svg>", "<svgx>", "<!-- <svg>", "GIF89a", "\u{0}<svg>"] {
            assert!(of(other.as_bytes()).is_err(), "{other}");
        }
        assert!(of(&[PNG, &vec![0; LONGEST]].concat()).unwrap_err().contains("256 KiB"));
    }
}
