//! Origins of pages, and links.

use std::net::Ipv6Addr;

use axum::http::{HeaderValue, Uri};
use service::is_loopback;

/// The origin of a page, as it stands in a policy: a scheme, a host, and maybe a port. One without TLS is of this machine.
pub(crate) fn parse(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let host = authority.host();
    let named = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)),
    };
    let encrypted = scheme == "https" || (scheme == "http" && is_loopback(host));
    // Nothing else, such as a path, a star or a user: with these it would be another rule than who wrote it thinks.
    let whole = format!("{scheme}://{authority}") == text;
    let rest = authority.as_str().strip_prefix(host)?;
    let ported = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    (encrypted && named && whole && ported && !host.is_empty())
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Whether a text is an address over TLS that a link may lead to.
pub(super) fn is_link(text: &str) -> bool {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\`".contains(&byte));
    let uri = text.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("https"));
    printable && uri.is_some_and(|uri| uri.host().is_some_and(|host| !host.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_whole_and_nothing_more() {
        for good in [
            "https://www.example.com",
            "https://example.com:8443",
            "http://localhost:5173",
            "http://127.0.0.1:80",
            "https://[2001:db8::1]:8443",
        ] {
            assert_eq!(parse(good).unwrap(), good);
        }
        for bad in [
            "",
            "*",
            "www.example.com",
            "https://",
            "https://*.example.com",
            "https://example.com/",
            "https://example.com/page",
            "https://example.com:",
            "https://example.com:*",
            "https://example.com:65536",
            "https://example.com:+80",
            "https://example.com:80:80",
            "https://[::1",
            "https://[example]",
            "https://:443",
            "null",
            "https://example.com; script-src *",
            "https://user@example.com",
            "http://example.com",
            "ftp://example.com",
            "https://b\u{fc}cher.example",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn links_are_addresses_over_tls() {
        assert!(is_link("https://www.example.com/privacy?lang=en#top"));
        for bad in [
            "",
            "/privacy",
            "http://example.com",
            "javascript:alert(1)",
            "https://",
            "https://a b",
            "https://x/\"><script>",
        ] {
            assert!(!is_link(bad), "{bad}");
        }
    }
}
