use std::str::FromStr;

use axum::http::Uri;

/// Address of a livekit-server: ws, wss, http or https, with a host.
#[derive(Debug, Clone)]
pub struct LivekitUrl {
    text: String,
    secure: bool,
    host: String,
    port: Option<u16>,
}

/// Why a text is no address of a livekit-server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL such as ws://127.0.0.1:7880 or wss://livekit.example.com")]
pub struct InvalidLivekitUrl;

impl LivekitUrl {
    /// As configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Sources for `connect-src`: the client opens a WebSocket, and asks over HTTP why that did not work.
    ///
    /// LiveKit Cloud moves clients to another host of its domain, so there the whole domain is named.
    pub fn content_security_sources(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let suffix = if self.secure { "s" } else { "" };
        let host = if self.host.ends_with(".livekit.cloud") { "*.livekit.cloud" } else { &self.host };
        format!("ws{suffix}://{host}{port} http{suffix}://{host}{port}")
    }
}

impl FromStr for LivekitUrl {
    type Err = InvalidLivekitUrl;

    fn from_str(text: &str) -> Result<Self, InvalidLivekitUrl> {
        let uri = Uri::from_str(text).map_err(|_| InvalidLivekitUrl)?;
        let secure = match uri.scheme_str() {
            Some("wss" | "https") => true,
            Some("ws" | "http") => false,
            _ => return Err(InvalidLivekitUrl),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(InvalidLivekitUrl)?;
        Ok(Self { text: text.to_owned(), secure, host: host.to_owned(), port: uri.port_u16() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_both_schemes() {
        let sources = |text: &str| text.parse::<LivekitUrl>().unwrap().content_security_sources();
        assert_eq!(sources("ws://127.0.0.1:7880"), "ws://127.0.0.1:7880 http://127.0.0.1:7880");
        assert_eq!(
            sources("https://calls.example.com/x"),
            "wss://calls.example.com https://calls.example.com"
        );
        assert_eq!(sources("wss://one.livekit.cloud"), "wss://*.livekit.cloud https://*.livekit.cloud");
        assert_eq!(sources("ws://[::1]:7880"), "ws://[::1]:7880 http://[::1]:7880");
    }
}
