//! Flags and environment variables, checked before the network is touched.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use axum::http::{HeaderName, HeaderValue};
use service::{HttpLimits, LiveKitKey, LiveKitKeyArgs, LiveKitUrl, Networks};

use crate::base_path::BasePath;
use crate::client_address::Proxies;
use crate::rate_limit::PerMinute;

/// Gives the page, and tokens for calls.
#[derive(Debug, clap::Parser)]
#[command(name = "web", version)]
pub struct Args {
    /// Address of livekit-server (ws, wss, http or https), as browsers reach it
    #[arg(long, env)]
    livekit_url: LiveKitUrl,
    /// Address of livekit-server for browsers, where it is another one than LIVEKIT_URL
    #[arg(long, env)]
    livekit_public_url: Option<LiveKitUrl>,
    #[command(flatten)]
    livekit_key: LiveKitKeyArgs,
    /// Name of the agent that is dispatched to every call
    #[arg(long, env)]
    agent_name: String,
    /// Address for visitors: the page, and tokens for calls. Put a proxy with TLS before it
    #[arg(long, env, default_value = "127.0.0.1:3000")]
    web_http: SocketAddr,
    /// Address for health and metrics
    #[arg(long, env, default_value = "127.0.0.1:9103")]
    web_operations_http: SocketAddr,
    /// Path below which a proxy shows the page, where the proxy leaves it in the requests; such as `/voice`
    #[arg(long, env, default_value = "/")]
    web_base_path: BasePath,
    /// Rooms are named `<ROOM_PREFIX>_<milliseconds>_<random>`
    #[arg(long, env, default_value = "pandadoc_trial")]
    room_prefix: String,
    /// Name that the agent and other participants see of the visitor
    #[arg(long, env, default_value = "PandaDoc Trialist")]
    participant_name: String,
    /// How long a room stays open for a caller whose connection was lost; longer than AGENT_RECONNECT_GRACE
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "20s")]
    room_departure_timeout: Duration,
    /// Origin of a page elsewhere that may ask for connection details, such as `https://example.com`; several are
    /// separated by commas
    #[arg(long, env, value_delimiter = ',')]
    allow_origin: Vec<HeaderValue>,
    #[command(flatten)]
    limits: LimitArgs,
}

/// What a visitor may take.
#[derive(Debug, clap::Args)]
struct LimitArgs {
    /// Tokens for calls that one client address (IPv6: one /64) gets in a minute; as many at once after a pause. 0: no limit
    #[arg(long, env, default_value_t = 60)]
    web_tokens_per_address: u32,
    /// Tokens for calls in a minute, of all visitors together; as many at once after a pause. 0: no limit
    #[arg(long, env, default_value_t = 1_200)]
    web_tokens: u32,
    /// Networks of the proxies before this service, such as `10.0.0.0/8,192.0.2.7`. Only what these say of a client's
    /// address is believed
    #[arg(long, env, default_value = "")]
    web_trusted_proxies: Networks,
    /// Header in which they say it
    #[arg(long, env, default_value = "x-forwarded-for")]
    web_client_address_header: HeaderName,
    /// Connections at a time; fewer where the limit of open files is low. One more takes the place of the one that has waited
    /// longest
    #[arg(long, env, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    web_max_connections: u32,
    /// The same of one client address that is no trusted proxy
    #[arg(long, env, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..))]
    web_max_connections_per_address: u32,
}

/// What the service needs to know, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address for visitors.
    pub http: SocketAddr,
    /// Address for health and metrics.
    pub operations_http: SocketAddr,
    pub base_path: BasePath,
    /// Given to browsers as `serverUrl`.
    pub server_url: LiveKitUrl,
    pub livekit_key: LiveKitKey,
    pub agent_name: String,
    pub room_prefix: String,
    pub participant_name: String,
    pub room_departure_timeout: Duration,
    /// Origins of other pages that may read the answers; none by default.
    pub allowed_origins: Vec<HeaderValue>,
    pub tokens_of_an_address: PerMinute,
    pub tokens_of_all: PerMinute,
    pub proxies: Proxies,
    /// Limits of the visitors' connections.
    pub http_limits: HttpLimits,
}

impl Args {
    /// The settings, checked.
    ///
    /// # Errors
    /// A setting is empty, or is none that LiveKit accepts.
    pub fn into_settings(self) -> anyhow::Result<Settings> {
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
        let limits = self.limits;
        Ok(Settings {
            http: self.web_http,
            operations_http: self.web_operations_http,
            base_path: self.web_base_path,
            server_url: self.livekit_public_url.unwrap_or(self.livekit_url),
            livekit_key: self.livekit_key.key()?,
            agent_name: self.agent_name,
            room_prefix: self.room_prefix,
            participant_name: self.participant_name,
            room_departure_timeout: self.room_departure_timeout,
            allowed_origins: self.allow_origin,
            tokens_of_an_address: PerMinute(limits.web_tokens_per_address),
            tokens_of_all: PerMinute(limits.web_tokens),
            http_limits: HttpLimits {
                connections: limits.web_max_connections as usize,
                connections_of_an_address: limits.web_max_connections_per_address as usize,
                proxies: limits.web_trusted_proxies.clone(),
                ..HttpLimits::operations()
            },
            proxies: Proxies {
                trusted: limits.web_trusted_proxies,
                header: limits.web_client_address_header,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn parse(extra: &[&str]) -> anyhow::Result<Settings> {
        let required = ["web", "--livekit-url=ws://127.0.0.1:7880", "--livekit-api-key=key"];
        let rest = ["--livekit-api-secret=secret", "--agent-name=agent"];
        Args::try_parse_from(required.iter().chain(&rest).chain(extra))?.into_settings()
    }

    #[test]
    fn browsers_get_the_public_address_where_there_is_one() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.http, "127.0.0.1:3000".parse().unwrap());
        assert_eq!(settings.server_url.as_str(), "ws://127.0.0.1:7880");
        let settings = parse(&["--livekit-public-url=wss://calls.example.com"]).unwrap();
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
            "--web-base-path=voice",
            "--web-trusted-proxies=proxy.internal",
            "--web-client-address-header=a b",
            "--web-max-connections=0",
        ] {
            assert!(parse(&[bad]).is_err(), "{bad}");
        }
        assert!(Args::try_parse_from(["web", "--livekit-url=ws://h"]).is_err());
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        let settings = parse(&["--room-prefix=secretless"]).unwrap();
        assert!(!format!("{settings:?}").contains("\"secret\""));
    }
}
