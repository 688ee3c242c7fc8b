//! Where an S3-compatible store is.

use anyhow::{Context as _, bail, ensure};
use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a person may leave unencoded in a path, and a request may not.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The address in the form to which a bucket can be added: a path, where it has one, ends with a slash. No error holds what
/// was given: it may be a secret.
///
/// # Errors
/// The text is no address of a server, or holds what none may: a user, a query, a fragment.
pub(crate) fn parse(text: &str) -> anyhow::Result<String> {
    const WANTED: &str = "S3_ENDPOINT is such as http://127.0.0.1:8333 or https://s3.example.org/path";
    let (scheme, rest) = text.trim().split_once("://").context(WANTED)?;
    let scheme = scheme.to_ascii_lowercase();
    ensure!(matches!(scheme.as_str(), "http" | "https"), WANTED);
    if rest.contains(['?', '#']) {
        bail!("S3_ENDPOINT has a query or a fragment, which no bucket can follow; {WANTED}");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        bail!("S3_ENDPOINT holds a user: give keys by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; {WANTED}");
    }
    let path = utf8_percent_encode(path.trim_end_matches('/'), NOT_IN_A_PATH);
    let address = format!("{scheme}://{}{path}", authority.to_ascii_lowercase());
    let uri: Uri = address.parse().ok().context(WANTED)?;
    let port = authority.rsplit(']').next().unwrap_or_default().split_once(':');
    let port_is_one = port.is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    ensure!(uri.host().is_some_and(|host| !host.is_empty()) && port_is_one, WANTED);
    Ok(if uri.path() == "/" { address } else { format!("{address}/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_with_a_slash_and_a_host_is_lower_case() {
        for (given, address) in [
            ("http://127.0.0.1:8333", "http://127.0.0.1:8333"),
            ("http://127.0.0.1:8333/", "http://127.0.0.1:8333"),
            (" HTTPS://S3.Example.ORG ", "https://s3.example.org"),
            ("https://x.supabase.co/storage/v1/s3", "https://x.supabase.co/storage/v1/s3/"),
            ("https://x.supabase.co/storage/v1/s3/", "https://x.supabase.co/storage/v1/s3/"),
            ("https://x/Storage//", "https://x/Storage/"),
            ("http://x/a%20b", "http://x/a%20b/"),
            ("http://x/a b/ä", "http://x/a%20b/%C3%A4/"),
            ("http://[::1]:8333", "http://[::1]:8333"),
            ("http://[2001:DB8::1]/s3", "http://[2001:db8::1]/s3/"),
        ] {
            assert_eq!(parse(given).unwrap(), address, "{given}");
        }
    }

    #[test]
    fn what_no_bucket_can_follow_is_told_without_the_secret() {
        for (given, told) in [
            ("", "such as"),
            ("127.0.0.1:8333", "such as"),
            ("ftp://x", "such as"),
            ("http://", "such as"),
            ("http://x:99999", "such as"),
            ("http://a b", "such as"),
            ("http://key:secret@x", "holds a user"),
            ("http://x/path?token=secret", "has a query"),
            ("http://x?secret", "has a query"),
            ("http://x/#secret", "has a query"),
        ] {
            let error = parse(given).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("secret"), "{given}: {error}");
        }
    }
}
