//! Settings of the status page, which is off unless one of them says who may see it.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use axum::http::{HeaderName, Uri};
use clap::{ArgMatches, Command, FromArgMatches};
use secrecy::{ExposeSecret as _, SecretString};
use service::{Nats, Networks, SecretSource};

/// Nobody guesses so many characters, where chance chose them.
const SHORTEST_TOKEN: usize = 16;

/// Flags of the status page.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Token that opens the page for people at `/status`, 16 characters at least; give it in the environment. The page reads the
    /// streams, so it needs NATS_URL as well
    #[arg(long, env, hide_env_values = true)]
    web_status_token: Option<SecretString>,
    /// File with that token, read anew at each use
    #[arg(long, env)]
    web_status_token_file: Option<PathBuf>,
    /// Header in which a proxy of WEB_TRUSTED_PROXIES says who is signed in, such as `x-auth-request-email`: whomever it names
    /// may see the page. The proxy has to take the header out of what clients send
    #[arg(long, env)]
    web_status_user_header: Option<HeaderName>,
    /// Where the page finds the metrics of agents and sinks, such as
    /// `agent=http://10.0.0.5:8081,sink-s3=http://10.0.0.6:9101`
    #[arg(long, env, default_value = "")]
    web_status_metrics: MetricsSources,
    #[command(flatten)]
    nats: OptionalNats,
}

/// What the status page needs to know, checked.
#[derive(Debug, Clone)]
pub struct StatusSettings {
    /// At least one of this and the next is set.
    pub(super) token: Option<SecretSource>,
    /// Who is signed in, as a trusted proxy says.
    pub(super) user_header: Option<HeaderName>,
    pub(super) metrics: MetricsSources,
    pub(super) nats: Nats,
}

impl StatusArgs {
    /// The settings, checked; none where nobody may see the page.
    ///
    /// # Errors
    /// A token is too short or set twice, a header is set that nobody would be believed in, NATS is missing, or a setting is of
    /// a page that is off.
    pub(crate) fn into_settings(self, trusted: &Networks) -> anyhow::Result<Option<StatusSettings>> {
        let (value, file) = (self.web_status_token.as_ref(), self.web_status_token_file.as_ref());
        let token = SecretSource::of("WEB_STATUS_TOKEN", value, file)?;
        if let Some(SecretSource::Value(token)) = &token {
            ensure_long(token).context("WEB_STATUS_TOKEN")?;
        }
        if token.is_none() && self.web_status_user_header.is_none() {
            ensure!(
                self.web_status_metrics == MetricsSources::default(),
                "WEB_STATUS_METRICS is set, but there is no status page: set WEB_STATUS_TOKEN or WEB_STATUS_USER_HEADER \
                 as well, or leave it out"
            );
            return Ok(None);
        }
        ensure!(
            self.web_status_user_header.is_none() || *trusted != Networks::default(),
            "WEB_STATUS_USER_HEADER is believed of the proxies in WEB_TRUSTED_PROXIES only, and none is named there"
        );
        let Some(nats) = self.nats.0 else {
            bail!(
                "the status page reads the streams: set NATS_URL as well, or neither WEB_STATUS_TOKEN nor \
                   WEB_STATUS_USER_HEADER"
            )
        };
        let (user_header, metrics) = (self.web_status_user_header, self.web_status_metrics);
        Ok(Some(StatusSettings { token, user_header, metrics, nats }))
    }
}

/// # Errors
/// The token could be guessed.
pub(super) fn ensure_long(token: &SecretString) -> anyhow::Result<()> {
    let length = token.expose_secret().chars().count();
    ensure!(length >= SHORTEST_TOKEN, "the token has {length} characters: give it {SHORTEST_TOKEN} at least");
    Ok(())
}

/// How to reach NATS, where that is set: the service needs it for the status page alone.
#[derive(Debug, Clone)]
struct OptionalNats(Option<Nats>);

const NATS_URL: &str = "nats_url";

impl clap::Args for OptionalNats {
    fn augment_args(command: Command) -> Command {
        Nats::augment_args(command).mut_arg(NATS_URL, |url| url.required(false))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Nats::augment_args_for_update(command)
    }
}

impl FromArgMatches for OptionalNats {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let url = matches.get_one::<SecretString>(NATS_URL);
        let is_set = url.is_some_and(|url| !url.expose_secret().is_empty());
        Ok(Self(if is_set { Some(Nats::from_arg_matches(matches)?) } else { None }))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Programs whose metrics are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MetricsSources(pub(super) Vec<MetricsSource>);

/// One program, and where its metrics are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetricsSource {
    /// What people call it.
    pub(super) name: String,
    /// Host and port.
    pub(super) address: String,
    pub(super) path: String,
}

/// Why a text is no list of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected names and addresses such as agent=http://127.0.0.1:8081, separated by commas")]
pub(super) struct InvalidMetricsSources;

impl FromStr for MetricsSources {
    type Err = InvalidMetricsSources;

    fn from_str(text: &str) -> Result<Self, InvalidMetricsSources> {
        let sources = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        sources.map(|text| source(text).ok_or(InvalidMetricsSources)).collect::<Result<_, _>>().map(Self)
    }
}

fn source(text: &str) -> Option<MetricsSource> {
    let (name, url) = text.split_once('=')?;
    let url: Uri = url.trim().parse().ok()?;
    let authority = url.authority().filter(|authority| !authority.host().is_empty())?;
    let plain =
        url.scheme_str() == Some("http") && url.query().is_none() && !authority.as_str().contains('@');
    let name = name.trim();
    if name.is_empty() || !plain {
        return None;
    }
    let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
    let path = if url.path() == "/" { "/metrics" } else { url.path() };
    Some(MetricsSource { name: name.to_owned(), address, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        status: StatusArgs,
    }

    const TOKEN: &str = "--web-status-token=0123456789abcdef";
    const NATS: &str = "--nats-url=nats://127.0.0.1:4222";
    const HEADER: &str = "--web-status-user-header=x-user";

    fn settings(flags: &[&str], proxies: &str) -> anyhow::Result<Option<StatusSettings>> {
        let flags = ["web"].iter().chain(flags);
        Cli::try_parse_from(flags)?.status.into_settings(&proxies.parse().unwrap())
    }

    #[test]
    fn it_is_off_unless_somebody_may_see_it() {
        for flags in [&[][..], &[NATS], &["--web-status-token="], &["--nats-url="]] {
            assert!(settings(flags, "10.0.0.0/8").unwrap().is_none(), "{flags:?}");
        }
        assert!(settings(&[TOKEN, NATS], "").unwrap().unwrap().token.is_some());
        assert!(settings(&[HEADER, NATS], "10.0.0.0/8").unwrap().unwrap().token.is_none());
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_to_set() {
        for (flags, named) in [
            (&[TOKEN][..], "NATS_URL"),
            (&[TOKEN, "--nats-url="], "NATS_URL"),
            (&["--web-status-token=short", NATS], "16"),
            (&[TOKEN, "--web-status-token-file=/x", NATS], "WEB_STATUS_TOKEN_FILE"),
            (&[HEADER, NATS], "WEB_TRUSTED_PROXIES"),
            (&[TOKEN, NATS, "--web-status-metrics=agent"], "agent=http://127.0.0.1:8081"),
            (&[NATS, "--web-status-metrics=agent=http://127.0.0.1:1"], "WEB_STATUS_TOKEN"),
        ] {
            let error = format!("{:#}", settings(flags, "").unwrap_err());
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn programs_are_a_name_and_an_address() {
        let sources: MetricsSources =
            "agent=http://[::1]:8081, sink-s3 = http://s3/prometheus".parse().unwrap();
        let told: Vec<_> = sources.0.iter().map(|s| format!("{} {} {}", s.name, s.address, s.path)).collect();
        assert_eq!(told, ["agent [::1]:8081 /metrics", "sink-s3 s3:80 /prometheus"]);
        for bad in ["agent", "=http://a", "agent=a:1", "agent=https://a", "agent=http://", "a=http://u@b"] {
            assert_eq!(MetricsSources::from_str(bad), Err(InvalidMetricsSources), "{bad}");
        }
    }

    #[test]
    fn the_token_is_not_in_debug_output() {
        let settings = settings(&[TOKEN, NATS], "").unwrap();
        assert!(!format!("{settings:?}").contains("0123456789abcdef"));
    }
}
