//! Flags and environment variables, checked before the network is touched.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};
use axum::http::{HeaderName, HeaderValue};
use clap::builder::FalseyValueParser;
use service::{HttpLimits, LiveKitKey, LiveKitKeyArgs, LiveKitUrl, Networks, ensure_stays_on_this_machine};

use crate::base_path::BasePath;
use crate::client_address::Proxies;
use crate::email_domains::EmailDomains;
use crate::page_configuration::{PageConfiguration, origin};
use crate::proof::{ProofArgs, ProofSettings};
use crate::rate_limit::Rate;
use crate::status::configuration::{StatusArgs, StatusSettings};

/// What LiveKit's clients take for expired, and ask for another one: they keep a token until a minute before its end.
const SHORTEST_TOKEN: Duration = Duration::from_mins(2);
const LONGEST_TOKEN: Duration = Duration::from_hours(24);
/// Where calls are counted: a room that is there has to be seen before its token counts no more.
const LONGEST_INTERVAL_WITH_CALLS: Duration = Duration::from_secs(10);

/// Gives the page, and tokens for calls.
#[derive(Debug, clap::Parser)]
#[command(name = "web", version, after_help = service::traces::HELP)]
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
    allow_origin: Vec<String>,
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
    /// Tokens for calls that one e-mail address gets in an hour from one network, and ten times as many from all; as many at once
    /// after a pause. 0: no limit
    #[arg(long, env, default_value_t = 20)]
    web_tokens_per_email: u32,
    /// Calls at a time, those of other replicas included; WEB_LIVEKIT_INTERVAL is 10s at most then. Set it to the sum of all
    /// agents' AGENT_CAPACITY. 0: no limit
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
        ensure!(
            limits.web_calls == 0 || self.web_livekit_interval <= LONGEST_INTERVAL_WITH_CALLS,
            "WEB_CALLS needs LiveKit to be asked every 10s at least, or calls that have begun are not counted: set \
             WEB_LIVEKIT_INTERVAL to 10s or less"
        );
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
            allowed_origins: allowed_origins(&self.allow_origin)?,
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

/// # Errors
/// One of them is no origin that a browser would name.
fn allowed_origins(values: &[String]) -> anyhow::Result<Vec<HeaderValue>> {
    let values = values.iter().map(|value| value.trim()).filter(|value| !value.is_empty());
    values.map(allowed_origin).collect()
}

fn allowed_origin(value: &str) -> anyhow::Result<HeaderValue> {
    if let Some(origin) = origin::parse(&value.to_ascii_lowercase()) {
        return Ok(origin);
    }
    match value {
        "*" => bail!("ALLOW_ORIGIN names origins one by one: `*` would let every page ask"),
        "null" => bail!(
            "ALLOW_ORIGIN: `null` is the origin of every page in a sandbox: it would let each of them ask"
        ),
        _ => {}
    }
    if let Some(origin) = value.strip_suffix('/').filter(|value| origin::parse(value).is_some()) {
        bail!("ALLOW_ORIGIN: `{value}` ends with a slash, which no origin has: set it to `{origin}`");
    }
    bail!(
        "ALLOW_ORIGIN: `{value}` is not the origin of a page, such as https://www.example.com: a scheme, a host and maybe a port, \
         without a path; http:// for this machine only"
    )
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
            "--allow-origin=null",
            "--allow-origin=https://a.example/page",
            "--allow-origin=http://a.example",
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
    fn origins_are_trimmed_and_what_none_is_is_told() {
        let origins = |value: &str| {
            let flag = format!("--allow-origin={value}");
            parse(&[&flag]).map(|settings| settings.allowed_origins).map_err(|error| error.to_string())
        };
        assert_eq!(origins("").unwrap(), [""; 0]);
        let two = ["https://a.example", "http://localhost:5173"];
        assert_eq!(origins(" https://A.example , http://localhost:5173,, ").unwrap(), two);
        assert!(origins("https://a.example/").unwrap_err().contains("set it to `https://a.example`"));
        assert!(origins("https://a.example,null").unwrap_err().contains("sandbox"));
        assert!(origins("https://a.example/x").unwrap_err().contains("without a path"));
    }

    #[test]
    fn calls_are_counted_only_where_livekit_is_asked_often_enough() {
        let every = |interval: &str| {
            let interval = format!("--web-livekit-interval={interval}");
            parse(&[&interval, "--web-calls=5"]).map_err(|error| error.to_string())
        };
        assert!(every("11s").unwrap_err().contains("WEB_LIVEKIT_INTERVAL to 10s or less"));
        assert!(every("10s").is_ok());
        assert!(parse(&["--web-livekit-interval=1h"]).is_ok());
    }

    #[test]
    fn a_setting_that_would_do_nothing_is_refused() {
        for (flags, named) in [
            (&["--web-turnstile-site-key=site"][..], "WEB_TURNSTILE_SITE_KEY"),
            (&["--web-turnstile-secret=hidden"], "WEB_TURNSTILE_SECRET"),
            (&["--web-turnstile-secret-file=/x", "--web-proof=work"], "WEB_TURNSTILE_SECRET"),
            (&["--web-proof-difficulty=16"], "WEB_PROOF_DIFFICULTY"),
            (&["--web-status-metrics=agent=http://127.0.0.1:1"], "WEB_STATUS_METRICS"),
        ] {
            let error = parse(flags).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains("hidden"), "{error}");
        }
        let empty = ["--web-turnstile-site-key=", "--web-turnstile-secret=", "--web-turnstile-secret-file="];
        assert!(parse(&[&empty[..], &["--web-proof-difficulty=", "--web-status-metrics="]].concat()).is_ok());
        let harder = parse(&["--web-proof=work", "--web-proof-difficulty=18"]).unwrap();
        assert!(matches!(harder.proof, ProofSettings::Work(18)));
        assert!(matches!(parse(&["--web-proof=work"]).unwrap().proof, ProofSettings::Work(16)));
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
