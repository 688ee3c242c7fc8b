//! Whether a request comes from a page that may ask.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};

/// Whether the browser says that a page of another origin asks, which is none of `allowed`.
///
/// Browsers keep such a page from the answer by themselves; this keeps them from what a request costs as well. Where a proxy
/// changes the host, `Sec-Fetch-Site` still tells.
pub(crate) fn is_foreign(headers: &HeaderMap, allowed: &[HeaderValue]) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    headers.get_all(ORIGIN).iter().any(|origin| {
        !allowed.contains(origin)
            && match site {
                Some(site) => site != b"same-origin",
                None => !is_of_host(origin, headers),
            }
    })
}

fn is_of_host(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let authority = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn foreign(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .fold(HeaderMap::new(), |mut all, (name, value)| {
                all.append(name, value);
                all
            });
        is_foreign(&headers, &[HeaderValue::from_static("https://allowed.example")])
    }

    #[test]
    fn the_page_itself_may_ask_and_so_may_programs_and_allowed_pages() {
        assert!(!foreign(&[("host", "voice.example")]));
        assert!(!foreign(&[("host", "voice.example"), ("origin", "https://Voice.example")]));
        assert!(!foreign(&[("host", "127.0.0.1:3000"), ("origin", "http://127.0.0.1:3000")]));
        assert!(!foreign(&[
            ("host", "inner:80"),
            ("origin", "https://voice.example"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!foreign(&[("origin", "https://allowed.example"), ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn other_pages_may_not() {
        for origin in
            ["https://other.example", "null", "https://voice.example.other", "https://voice.example:8443", ""]
        {
            assert!(foreign(&[("host", "voice.example"), ("origin", origin)]), "{origin}");
        }
        let own = ("origin", "https://voice.example");
        assert!(foreign(&[("host", "voice.example"), own, ("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("host", "voice.example"), own, ("origin", "https://other.example")]));
        assert!(foreign(&[("origin", "https://allowed.example.other"), ("sec-fetch-site", "same-site")]));
    }
}
