//! What visitors send, and the page's configuration: the fuzz targets in `fuzz/` call these with any bytes, the test with those
//! that they begin with.

use std::net::IpAddr;
use std::path::Path;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use schemas::Email;
use serde_json::Value;

use crate::client_address::Proxies;
use crate::page_configuration::PageConfiguration;
use crate::request;
use crate::request_origin::is_foreign;

/// What separates the parts of a request: no text has it.
const END: u8 = 0xff;

/// A request for a token: its body, who asked the proxy before us, and which page asks.
///
/// # Panics
/// When an address is taken that is none, or a client is believed that is no proxy.
pub fn token_request(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == END);
    let mut part = || parts.next().unwrap_or_default();
    if let Ok(body) = serde_json::from_slice::<Value>(part()) {
        match request::read(&body, "agent") {
            Ok(email) => {
                let address = email.as_ref().map(Email::as_str);
                assert_eq!(
                    address.map(|address| Email::try_from(address).ok()),
                    address.map(|_| email.clone())
                );
            }
            Err(refusal) => assert!(refusal.to_string().len() < 200, "{refusal}"),
        }
    }
    let forwarded = HeaderName::from_static("x-forwarded-for");
    let mut headers = HeaderMap::new();
    for (name, value) in [(&forwarded, part()), (&forwarded, part()), (&ORIGIN, part()), (&HOST, part())] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    assert!(!is_foreign(&headers, &[]) || headers.contains_key(ORIGIN));
    let Ok(trusted) = "10.0.0.0/8,2001:db8::/32".parse() else { return };
    let proxies = Proxies { trusted, header: forwarded };
    for peer in ["192.0.2.1", "10.0.0.1"] {
        let Ok(peer) = peer.parse::<IpAddr>() else { return };
        let client = proxies.client_address(peer, &headers);
        assert!(client == peer || proxies.trusted.contains(peer), "{client}");
    }
}

/// The page's configuration.
///
/// # Panics
/// When an origin that is taken is more than an origin, or a fault is at no line.
pub fn page_configuration(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    // A logo is read from where the text says, and some files have no end.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page/public");
    match PageConfiguration::parse(text, &folder) {
        Ok(configuration) => {
            let told = configuration.json(None).expect("write what the page is told");
            serde_json::from_slice::<Value>(&told).expect("read it");
            let plain = |byte: &u8| byte.is_ascii_graphic() && !b",;*'\"".contains(byte);
            assert!(configuration.embedding.iter().all(|origin| origin.as_bytes().iter().all(plain)));
        }
        Err(faults) => {
            let lines = 1 + text.matches('\n').count();
            assert!(!faults.is_empty() && faults.iter().all(|fault| (1..=lines).contains(&fault.line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_does_harm() {
        fuzz_seeds::feed(&[("token_request", token_request), ("page_configuration", page_configuration)]);
    }
}
