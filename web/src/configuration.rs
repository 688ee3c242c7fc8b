//! Flags and environment variables, checked before the network is touched.

use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::ensure;
use axum::http::{HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};

/// Gives the page, and tokens for calls.
#[derive(Debug, clap::Parser)]
#[command(name = "web", version)]
pub struct Args {
    /// Address of livekit-server (ws, wss, http or https), as browsers reach it
    #[arg(long, env)]
    livekit_url: LivekitUrl,
    /// Address of livekit-server for browsers, where it is another one than LIVEKIT_URL
    #[arg(long, env)]
    livekit_public_url: Option<LivekitUrl>,
    /// LiveKit's API key
    #[arg(long, env)]
    livekit_api_key: String,
    /// LiveKit's API secret; give it in the environment
    #[arg(long, env, hide_env_values = true)]
    livekit_api_secret: SecretString,
    /// Name of the agent that is dispatched to every call
    #[arg(long, env)]
    agent_name: String,
    /// Address to listen on
    #[arg(long, env, default_value = "127.0.0.1:3000")]
    web_http: SocketAddr,
    /// Rooms are named `<ROOM_PREFIX>_<milliseconds>_<random>`
    #[arg(long, env, default_value = "pandadoc_trial")]
    room_prefix: String,
    /// Name that the agent and other participants see of the visitor
    #[arg(long, env, default_value = "PandaDoc Trialist")]
    participant_name: String,
    /// Origin of a page elsewhere that may ask for connection details, such as `https://example.com`; several are
    /// separated by commas
    #[arg(long, env, value_delimiter = ',')]
    allow_origin: Vec<HeaderValue>,
}

/// What the service needs to know, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Given to browsers as `serverUrl`.
    pub server_url: LivekitUrl,
    pub api_key: String,
    pub api_secret: SecretString,
    pub agent_name: String,
    pub room_prefix: String,
    pub participant_name: String,
    /// Origins of other pages that may read the answers; none by default.
    pub allowed_origins: Vec<HeaderValue>,
}

impl Args {
    /// The address to listen on, and the rest.
    ///
    /// # Errors
    /// A setting is empty, or is none that LiveKit accepts.
    pub fn into_settings(self) -> anyhow::Result<(SocketAddr, Settings)> {
        ensure!(!self.livekit_api_key.is_empty(), "LIVEKIT_API_KEY is empty");
        ensure!(!self.livekit_api_secret.expose_secret().is_empty(), "LIVEKIT_API_SECRET is empty");
        ensure!(!self.agent_name.is_empty(), "AGENT_NAME is empty");
        ensure!(
            (1..=100).contains(&self.room_prefix.len()) && !self.room_prefix.contains(char::is_control),
            "ROOM_PREFIX must have 1 to 100 bytes and no control characters"
        );
        for origin in &self.allow_origin {
            ensure!(
                origin.as_bytes() != b"*",
                "ALLOW_ORIGIN names origins one by one: `*` would let every page ask"
            );
        }
        let settings = Settings {
            server_url: self.livekit_public_url.unwrap_or(self.livekit_url),
            api_key: self.livekit_api_key,
            api_secret: self.livekit_api_secret,
            agent_name: self.agent_name,
            room_prefix: self.room_prefix,
            participant_name: self.participant_name,
            allowed_origins: self.allow_origin,
        };
        Ok((self.web_http, settings))
    }
}

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
    use clap::Parser;

    use super::*;

    fn parse(extra: &[&str]) -> anyhow::Result<(SocketAddr, Settings)> {
        let required = ["web", "--livekit-url=ws://127.0.0.1:7880", "--livekit-api-key=key"];
        let rest = ["--livekit-api-secret=secret", "--agent-name=agent"];
        Args::try_parse_from(required.iter().chain(&rest).chain(extra))?.into_settings()
    }

    #[test]
    fn browsers_get_the_public_address_where_there_is_one() {
        let (address, settings) = parse(&[]).unwrap();
        assert_eq!(address, "127.0.0.1:3000".parse().unwrap());
        assert_eq!(settings.server_url.as_str(), "ws://127.0.0.1:7880");
        let (_, settings) = parse(&["--livekit-public-url=wss://calls.example.com"]).unwrap();
        assert_eq!(settings.server_url.as_str(), "wss://calls.example.com");
    }

    #[test]
    fn bad_settings_are_refused() {
        for bad in [
            "--livekit-public-url=calls.example.com",
            "--livekit-public-url=ftp://calls.example.com",
            "--livekit-public-url=",
            "--room-prefix=",
            "--web-http=3000",
            "--allow-origin=*",
            "--allow-origin=https://a.example,*",
        ] {
            assert!(parse(&[bad]).is_err(), "{bad}");
        }
        assert!(Args::try_parse_from(["web", "--livekit-url=ws://h"]).is_err());
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        let (_, settings) = parse(&["--room-prefix=secretless"]).unwrap();
        assert!(!format!("{settings:?}").contains("\"secret\""));
    }

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
