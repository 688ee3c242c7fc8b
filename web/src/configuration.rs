//! Flags and environment variables, checked before the network is touched.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use axum::http::{HeaderName, HeaderValue};
use clap::builder::FalseyValueParser;
use service::{HttpLimits, LiveKitKey, LiveKitKeyArgs, LiveKitUrl, Networks, ensure_stays_on_this_machine};

use crate::base_path::BasePath;
use crate::client_address::Proxies;
use crate::email_domains::EmailDomains;
use crate::page_configuration::PageConfiguration;
use crate::proof::{ProofArgs, ProofSettings};
use crate::rate_limit::Rate;
use crate::status::configuration::{StatusArgs, StatusSettings};

/// What LiveKit's clients take for expired, and ask for another one: they keep a token until a minute before its end.
const SHORTEST_TOKEN: Duration = Duration::from_mins(2);
const LONGEST_TOKEN: Duration = Duration::from_hours(24);

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
    /// How often LIVEKIT_URL is asked whether LiveKit is there, and which calls it has; 1s or longer. While it does not answer,
    /// visitors are told to come back. 0s: it is not asked
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "3s")]
    web_livekit_interval: Duration,
    /// Lets the token by which LiveKit is asked go to another machine without TLS, by a ws or http address
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    livekit_allow_plain_text: bool,
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
    /// File with name, logo, colours, texts and links of the page, and where it may be embedded, in TOML
    #[arg(long, env, value_name = "FILE")]
    web_page_configuration: Option<PathBuf>,
    /// Rooms are named `<ROOM_PREFIX>_<milliseconds>_<random>`
    #[arg(long, env, default_value = "pandadoc_trial")]
    room_prefix: String,
    /// Name that the agent and other participants see of the visitor
    #[arg(long, env, default_value = "PandaDoc Trialist")]
    participant_name: String,
    /// How long a room stays open for a caller whose connection was lost; longer than AGENT_RECONNECT_GRACE
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "20s")]
    room_departure_timeout: Duration,
    /// How long a token opens its room, 2m to 24h. For as long, a room that was left can be joined again with it
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "15m")]
    web_token_ttl: Duration,
    /// Origin of a page elsewhere that may ask for connection details, such as `https://example.com`; several are
    /// separated by commas
    #[arg(long, env, value_delimiter = ',')]
    allow_origin: Vec<HeaderValue>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    proof: ProofArgs,
    #[command(flatten)]
    status: StatusArgs,
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
    /// Tokens for calls that one e-mail address gets in an hour; as many at once after a pause. 0: no limit
    #[arg(long, env, default_value_t = 20)]
    web_tokens_per_email: u32,
    /// Calls at a time, those of other replicas included. Set it to the sum of all agents' AGENT_CAPACITY. 0: no limit
    #[arg(long, env, default_value_t = 0)]
    web_calls: u32,
    /// File with domains whose e-mail addresses are not taken, one a line; what is below a domain is meant as well
    #[arg(long, env, value_name = "FILE")]
    web_refused_email_domains: Option<PathBuf>,
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
    /// What the page is told of itself.
    pub page: PageConfiguration,
    /// Where LiveKit is asked.
    pub livekit_url: LiveKitUrl,
    /// How often; never where it is zero.
    pub livekit_interval: Duration,
    /// Given to browsers as `serverUrl`.
    pub server_url: LiveKitUrl,
    pub livekit_key: LiveKitKey,
    pub agent_name: String,
    pub room_prefix: String,
    pub participant_name: String,
    pub room_departure_timeout: Duration,
    /// For how long a token opens its room. The server gives a participant who has joined a token of its own at once, and a new
    /// one every few minutes, so that a call of any length can be gone on with after a broken connection.
    pub token_ttl: Duration,
    /// Origins of other pages that may read the answers; none by default.
    pub allowed_origins: Vec<HeaderValue>,
    pub tokens_of_an_address: Rate,
    pub tokens_of_an_email: Rate,
    pub tokens_of_all: Rate,
    /// Calls at a time; any number where it is 0.
    pub calls: u32,
    pub refused_email_domains: EmailDomains,
    pub proof: ProofSettings,
    pub proxies: Proxies,
    /// Limits of the visitors' connections.
    pub http_limits: HttpLimits,
    /// None where there is no status page.
    pub status: Option<StatusSettings>,
}

impl Args {
    /// The settings, checked, with what is in the files that they name.
    ///
    /// # Errors
    /// A setting is empty, or is none that LiveKit accepts; a file cannot be read, or has faults.
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
        ensure!(
            (SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&self.web_token_ttl),
            "WEB_TOKEN_TTL must be 2m to 24h: LiveKit's clients keep a token until a minute before its end"
        );
        let limits = self.limits;
        ensure!(
            self.web_livekit_interval.is_zero() || self.web_livekit_interval >= Duration::from_secs(1),
            "WEB_LIVEKIT_INTERVAL must be 1s or longer, or 0s"
        );
        if self.web_livekit_interval.is_zero() {
            ensure!(
                limits.web_calls == 0,
                "WEB_CALLS needs LiveKit to be asked: set WEB_LIVEKIT_INTERVAL to more than 0s"
            );
        } else if !self.livekit_allow_plain_text && !self.livekit_url.is_encrypted() {
            let (host, instead) = (self.livekit_url.host(), "use wss://");
            ensure_stays_on_this_machine("a token of LiveKit", host, instead, "LIVEKIT_ALLOW_PLAIN_TEXT")?;
        }
        let given = |file: Option<PathBuf>| file.filter(|file| !file.as_os_str().is_empty());
        let page =
            given(self.web_page_configuration).map(|file| PageConfiguration::load(&file)).transpose()?;
        let refused =
            given(limits.web_refused_email_domains).map(|file| EmailDomains::load(&file)).transpose()?;
        Ok(Settings {
            status: self.status.into_settings(&limits.web_trusted_proxies)?,
            http: self.web_http,
            operations_http: self.web_operations_http,
            base_path: self.web_base_path,
            page: page.unwrap_or_default(),
            server_url: self.livekit_public_url.unwrap_or_else(|| self.livekit_url.clone()),
            livekit_url: self.livekit_url,
            livekit_interval: self.web_livekit_interval,
            livekit_key: self.livekit_key.key()?,
            agent_name: self.agent_name,
            room_prefix: self.room_prefix,
            participant_name: self.participant_name,
            room_departure_timeout: self.room_departure_timeout,
            token_ttl: self.web_token_ttl,
            allowed_origins: self.allow_origin,
            tokens_of_an_address: Rate::per_minute(limits.web_tokens_per_address),
            tokens_of_an_email: Rate::per_hour(limits.web_tokens_per_email),
            tokens_of_all: Rate::per_minute(limits.web_tokens),
            calls: limits.web_calls,
            refused_email_domains: refused.unwrap_or_default(),
            proof: self.proof.settings()?,
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
            "--web-token-ttl=60s",
            "--web-livekit-interval=10ms",
            "--web-token-ttl=25h",
            "--web-page-configuration=/nowhere/page.toml",
            "--web-refused-email-domains=/nowhere/domains.txt",
            "--web-proof=captcha",
            "--web-proof-difficulty=7",
            "--web-proof-difficulty=29",
            "--web-proof=turnstile",
        ] {
            assert!(parse(&[bad]).is_err(), "{bad}");
        }
        assert!(Args::try_parse_from(["web", "--livekit-url=ws://h"]).is_err());
    }

    #[test]
    fn a_token_of_livekit_stays_on_this_machine_or_goes_by_tls() {
        let parse = |url: &str, extra: &[&str]| {
            let url = format!("--livekit-url={url}");
            let required =
                ["web", &url, "--livekit-api-key=key", "--livekit-api-secret=s", "--agent-name=agent"];
            Args::try_parse_from(required.iter().chain(extra))
                .unwrap()
                .into_settings()
                .map_err(|error| error.to_string())
        };
        assert!(parse("ws://livekit:7880", &[]).unwrap_err().contains("LIVEKIT_ALLOW_PLAIN_TEXT=true"));
        assert!(parse("ws://livekit:7880", &["--livekit-allow-plain-text"]).is_ok());
        assert!(parse("ws://livekit:7880", &["--web-livekit-interval=0s"]).is_ok());
        assert!(parse("wss://livekit", &[]).is_ok());
        assert!(parse("wss://livekit", &["--web-livekit-interval=0s", "--web-calls=5"]).is_err());
    }

    #[test]
    fn turnstile_needs_both_keys_and_tls() {
        let turnstile = |extra: &[&str]| {
            let flags = [&["--web-proof=turnstile"], extra].concat();
            parse(&flags).map_err(|error| error.to_string())
        };
        let keys = ["--web-turnstile-site-key=site", "--web-turnstile-secret=hidden"];
        let settings = turnstile(&keys).unwrap();
        assert!(!format!("{settings:?}").contains("hidden"));
        assert!(turnstile(&keys[..1]).unwrap_err().contains("WEB_TURNSTILE_SECRET"));
        assert!(turnstile(&keys[1..]).unwrap_err().contains("WEB_TURNSTILE_SITE_KEY"));
        let plain = [&keys[..], &["--web-turnstile-url=http://example.com/verify"]].concat();
        assert!(turnstile(&plain).unwrap_err().contains("https://"));
        let here = [&keys[..], &["--web-turnstile-url=http://127.0.0.1:1/verify"]].concat();
        assert!(turnstile(&here).is_ok());
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        let settings = parse(&["--room-prefix=secretless"]).unwrap();
        assert!(!format!("{settings:?}").contains("\"secret\""));
    }
}
