//! URLs of STUN and TURN servers (RFC 7064, RFC 7065).

use std::net::{IpAddr, Ipv6Addr};

/// The port of STUN, and of TURN over UDP and TCP.
const DEFAULT_PORT: u16 = 3478;
const DEFAULT_TLS_PORT: u16 = 5349;
/// Bytes of a name in the domain name system.
const MAX_NAME: usize = 253;

/// A server as its URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    pub(crate) kind: ServerKind,
    /// A name or an address, the latter without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerKind {
    /// Only asked for this side's address, over UDP.
    Stun,
    Turn(TurnTransport),
}

/// What carries the messages between a TURN server and its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnTransport {
    Udp,
    Tcp,
    Tls,
}

/// Why a URL cannot be used.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    #[error("the scheme is none of stun, turn and turns")]
    Scheme,
    #[error("the host is neither a name nor an address")]
    Host,
    #[error("the port is not a number from 1 to 65535")]
    Port,
    #[error("the transport is neither udp nor tcp")]
    Transport,
    #[error("DTLS is not supported: turns needs transport=tcp")]
    Dtls,
}

impl ServerUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.trim().split_once(':').ok_or(UrlError::Scheme)?;
        let (authority, query) =
            rest.split_once('?').map_or((rest, None), |(left, right)| (left, Some(right)));
        let tcp = query.map(parse_query).transpose()?;
        let kind = match scheme.to_ascii_lowercase().as_str() {
            // RFC 7064 knows no query here, yet `?transport=udp` is widespread.
            "stun" if tcp == Some(true) => return Err(UrlError::Transport),
            "stun" => ServerKind::Stun,
            "turn" if tcp == Some(true) => ServerKind::Turn(TurnTransport::Tcp),
            "turn" => ServerKind::Turn(TurnTransport::Udp),
            "turns" if tcp == Some(false) => return Err(UrlError::Dtls),
            "turns" => ServerKind::Turn(TurnTransport::Tls),
            _ => return Err(UrlError::Scheme),
        };
        let (host, port) = parse_authority(authority)?;
        let default =
            if kind == ServerKind::Turn(TurnTransport::Tls) { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        Ok(Self { kind, host, port: port.unwrap_or(default) })
    }
}

/// Whether the transport is TCP.
fn parse_query(query: &str) -> Result<bool, UrlError> {
    match query.to_ascii_lowercase().as_str() {
        "transport=udp" => Ok(false),
        "transport=tcp" => Ok(true),
        _ => Err(UrlError::Transport),
    }
}

fn parse_authority(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or(UrlError::Host)?;
            address.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return Err(UrlError::Port),
            };
            (address, port)
        }
        None => {
            let (host, port) =
                authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            if !is_name(host) {
                return Err(UrlError::Host);
            }
            (host, port)
        }
    };
    Ok((host.to_owned(), port.map(parse_port).transpose()?))
}

fn parse_port(port: &str) -> Result<u16, UrlError> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|port| digits && *port != 0).ok_or(UrlError::Port)
}

/// Whether a host is spelled as a domain name or an IPv4 address is.
fn is_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.len() <= MAX_NAME && host.bytes().all(allowed)
}

impl ServerUrl {
    /// The host, when it is an address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(kind: ServerKind, host: &str, port: u16) -> Result<ServerUrl, UrlError> {
        Ok(ServerUrl { kind, host: host.to_owned(), port })
    }

    #[test]
    fn schemes_ports_and_transports_have_their_defaults() {
        use ServerKind::{Stun, Turn};
        use TurnTransport::{Tcp, Tls, Udp};
        assert_eq!(ServerUrl::parse("stun:example.org"), url(Stun, "example.org", 3478));
        assert_eq!(ServerUrl::parse("stun:example.org:19302?transport=udp"), url(Stun, "example.org", 19302));
        assert_eq!(ServerUrl::parse("turn:192.0.2.1"), url(Turn(Udp), "192.0.2.1", 3478));
        assert_eq!(
            ServerUrl::parse("TURN:[2001:db8::1]:80?transport=tcp"),
            url(Turn(Tcp), "2001:db8::1", 80)
        );
        assert_eq!(ServerUrl::parse("turns:example.org"), url(Turn(Tls), "example.org", 5349));
        assert_eq!(ServerUrl::parse("turns:a.b:443?transport=tcp"), url(Turn(Tls), "a.b", 443));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("https://example.org", UrlError::Scheme),
            ("stun:", UrlError::Host),
            ("turn://example.org", UrlError::Host),
            ("turn:user@example.org", UrlError::Host),
            ("turn:2001:db8::1", UrlError::Port),
            ("turn:[2001:db8::1", UrlError::Host),
            ("turn:[2001:db8::1]80", UrlError::Port),
            ("turn:example.org:0", UrlError::Port),
            ("turn:example.org:+1", UrlError::Port),
            ("turn:example.org?transport=sctp", UrlError::Transport),
            ("turns:example.org?transport=udp", UrlError::Dtls),
            ("stun:example.org?transport=tcp", UrlError::Transport),
        ] {
            assert_eq!(ServerUrl::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_or_an_error(text in "\\PC*", tail in "[\\[\\]:?a-z0-9.=]*") {
            drop(ServerUrl::parse(&text));
            drop(ServerUrl::parse(&format!("turn:{tail}")));
        }

        #[test]
        fn what_is_written_is_read(
            tls: bool,
            tcp: bool,
            address: Option<[u16; 8]>,
            name in "[a-z0-9]{1,20}(\\.[a-z]{2,5})?",
            port in 1u16..,
        ) {
            let host = address.map_or(name, |segments| Ipv6Addr::from(segments).to_string());
            let written = if address.is_some() { format!("[{host}]") } else { host.clone() };
            let scheme = if tls { "turns" } else { "turn" };
            let transport = if tls || tcp { "tcp" } else { "udp" };
            let parsed = ServerUrl::parse(&format!("{scheme}:{written}:{port}?transport={transport}"));
            let expected = match (tls, tcp) {
                (true, _) => TurnTransport::Tls,
                (false, true) => TurnTransport::Tcp,
                (false, false) => TurnTransport::Udp,
            };
            prop_assert_eq!(parsed, url(ServerKind::Turn(expected), &host, port));
        }
    }
}
