//! Whose request it is, where proxies stand between.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;

use axum::http::{HeaderMap, HeaderName};
use service::Networks;

/// Which proxies are believed, and where they write who asked them.
#[derive(Debug, Clone)]
pub struct Proxies {
    pub trusted: Networks,
    pub header: HeaderName,
}

impl Proxies {
    /// The peer of the connection. Where that is a trusted proxy, the last address of its header that is none: what stands
    /// before that one is the client's own claim.
    pub(crate) fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let named = headers
            .get_all(&self.header)
            .iter()
            .flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
        let named: Vec<&[u8]> = named.collect();
        for text in named.into_iter().rev() {
            if !self.trusted.contains(client) {
                break;
            }
            // A proxy that does not say who asked it is the last that is known.
            let Some(before) = parse(text) else { break };
            client = before;
        }
        client
    }

    /// Whether somebody speaks for others who is not trusted.
    pub(crate) fn is_unknown_proxy(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.header) && !self.trusted.contains(peer)
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim().trim_matches('"');
    let unbracketed = text.trim_start_matches('[').trim_end_matches(']');
    let address = IpAddr::from_str(unbracketed).ok();
    let address = address.or_else(|| Some(SocketAddr::from_str(text).ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, values: &[&str]) -> String {
        let proxies = Proxies {
            trusted: "10.0.0.0/8,2001:db8:1::/48".parse().unwrap(),
            header: HeaderName::from_static("x-forwarded-for"),
        };
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        proxies.client_address(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("2001:db8:1::7", &["2001:db8:2::9"]), "2001:db8:2::9");
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        for values in [
            &["1.2.3.4, 198.51.100.1"][..],
            &["1.2.3.4", "198.51.100.1"],
            &["10.9.9.9, 1.2.3.4, 198.51.100.1, 10.0.0.2"],
            &["1.2.3.4, 198.51.100.1:5678 , [2001:db8:1::5]:80"],
        ] {
            assert_eq!(client("10.0.0.1", values), "198.51.100.1", "{values:?}");
        }
    }

    #[test]
    fn where_nothing_is_said_the_proxy_itself_is_the_client() {
        for values in [&[][..], &[""], &["unknown"], &["198.51.100.1, unknown"], &["\u{e9}"], &["10.0.0.1"]] {
            assert_eq!(client("10.0.0.1", values), "10.0.0.1", "{values:?}");
        }
    }
}
