//! The address of a livekit-server, which has one port for WebSockets and for HTTP.

use std::str::FromStr;

use axum::http::Uri;

/// Address of a livekit-server: ws, wss, http or https, with a host and without a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveKitUrl {
    text: String,
    websocket: String,
    host: String,
    port: Option<u16>,
}

/// The address has another scheme than ws, wss, http or https, or no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("wanted: ws://host:port, wss://host, http://host:port or https://host")]
pub struct InvalidLiveKitUrl;

impl LiveKitUrl {
    /// The address as it was configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address for WebSockets, without a slash at its end, such as `ws://127.0.0.1:7880`.
    pub fn websocket(&self) -> &str {
        &self.websocket
    }

    /// The same address for HTTP, such as `http://127.0.0.1:7880`.
    pub fn http(&self) -> String {
        self.websocket.replacen("ws", "http", 1)
    }

    /// Whether it is reached by TLS.
    pub fn is_encrypted(&self) -> bool {
        self.websocket.starts_with("wss:")
    }

    /// Without a port; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where the address names one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl FromStr for LiveKitUrl {
    type Err = InvalidLiveKitUrl;

    fn from_str(text: &str) -> Result<Self, InvalidLiveKitUrl> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(InvalidLiveKitUrl)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(InvalidLiveKitUrl),
        };
        let websocket = format!("{scheme}://{}", rest.trim_end_matches('/'));
        let uri: Uri = websocket.parse().map_err(|_| InvalidLiveKitUrl)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(InvalidLiveKitUrl)?;
        if uri.query().is_some() {
            return Err(InvalidLiveKitUrl);
        }
        Ok(Self { text: text.to_owned(), host: host.to_owned(), port: uri.port_u16(), websocket })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_websocket_addresses() {
        for (text, websocket, host, port) in [
            ("ws://127.0.0.1:7880", "ws://127.0.0.1:7880", "127.0.0.1", Some(7880)),
            ("http://livekit:7880/", "ws://livekit:7880", "livekit", Some(7880)),
            (" HTTPS://x.livekit.cloud ", "wss://x.livekit.cloud", "x.livekit.cloud", None),
            ("wss://example.org/livekit/", "wss://example.org/livekit", "example.org", None),
            ("ws://[::1]:7880", "ws://[::1]:7880", "[::1]", Some(7880)),
            ("ws://[::1]", "ws://[::1]", "[::1]", None),
            ("ws://user@host:1", "ws://user@host:1", "host", Some(1)),
        ] {
            let url: LiveKitUrl = text.parse().unwrap();
            assert_eq!((url.websocket(), url.host(), url.port()), (websocket, host, port));
            assert_eq!(url.http(), format!("http{}", &websocket[2..]));
            assert_eq!(url.is_encrypted(), websocket.starts_with("wss"));
            assert_eq!(url.as_str(), text.trim());
        }
        for text in ["", "127.0.0.1:7880", "ftp://x", "ws://", "ws://x?y=z", "ws://a b"] {
            assert_eq!(text.parse::<LiveKitUrl>(), Err(InvalidLiveKitUrl), "{text:?}");
        }
    }
}
