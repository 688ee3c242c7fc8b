//! Flags and environment variables. What is wrong in them ends the program before the network is touched.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::FalseyValueParser;
use livekit_api::access_token::{AccessToken, VideoGrants};
use secrecy::ExposeSecret as _;
use service::{LiveKitKey, LiveKitKeyArgs, LiveKitUrl, LogFormat, ensure_stays_on_this_machine};

use crate::budget::BudgetArgs;
use crate::conversation::{RecordArgs, TurnDetectorArgs};
use crate::persona::arguments::PersonaArgs;
use crate::persona::check::CheckArgs;
use crate::providers::Rooms;
use crate::providers::arguments::ProviderArgs;
use crate::publish::PublishArgs;
use crate::publisher::PublisherArgs;
use crate::spool::SpoolArgs;

/// Answers calls on LiveKit and publishes what became of each.
#[derive(clap::Parser)]
#[command(name = "agent", version)]
pub struct Cli {
    /// What to do: run, publish what another run left, or check a persona.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the program.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Run as a service
    #[command(after_help = service::traces::HELP)]
    Start(Args),
    /// Run at a terminal: the same, with readable logs
    #[command(after_help = service::traces::HELP)]
    Dev(Args),
    /// Publish what the spool of a worker that is gone holds, and end
    #[command(after_help = service::traces::HELP)]
    Publish(PublishArgs),
    /// Tell whether a persona's file can be used
    Check(CheckArgs),
}

/// All settings of a worker.
#[derive(Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub livekit: LiveKitArgs,
    #[command(flatten)]
    pub worker: WorkerArgs,
    #[command(flatten)]
    pub session: SessionArgs,
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub persona: PersonaArgs,
    #[command(flatten)]
    pub providers: ProviderArgs,
    #[command(flatten)]
    pub turn_detector: TurnDetectorArgs,
    #[command(flatten)]
    pub record: RecordArgs,
    #[command(flatten)]
    pub spool: SpoolArgs,
    #[command(flatten)]
    pub publisher: PublisherArgs,
    /// Address for health, worker state and metrics
    #[arg(long, env, default_value = "127.0.0.1:8081")]
    pub agent_http: SocketAddr,
    /// Form of the log lines on standard error; `dev` always writes plain ones
    #[arg(long, env, value_enum, default_value = "plain")]
    pub log_format: LogFormat,
}

/// Where calls come from.
#[derive(Clone, clap::Args)]
pub struct LiveKitArgs {
    /// Address of livekit-server: ws, wss, http or https
    #[arg(long, env)]
    pub livekit_url: LiveKitUrl,
    #[command(flatten)]
    pub key: LiveKitKeyArgs,
    /// Lets tokens for LiveKit go to another machine without TLS, by a ws or http address
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    pub livekit_allow_plain_text: bool,
}

/// LiveKit, as those who ask it something need it.
#[derive(Debug, Clone)]
pub struct LiveKit {
    /// Address of livekit-server.
    pub url: LiveKitUrl,
    key: LiveKitKey,
}

impl LiveKitArgs {
    /// # Errors
    /// The key is empty, or a token would cross a network in plain text.
    pub fn checked(&self) -> anyhow::Result<LiveKit> {
        if !self.livekit_allow_plain_text && !self.livekit_url.is_encrypted() {
            let (host, instead) = (self.livekit_url.host(), "use wss:// in LIVEKIT_URL");
            ensure_stays_on_this_machine("a token of LiveKit", host, instead, "LIVEKIT_ALLOW_PLAIN_TEXT")?;
        }
        Ok(LiveKit { url: self.livekit_url.clone(), key: self.key.key()? })
    }
}

impl LiveKit {
    /// What its keys are good for beside rooms.
    pub fn rooms(&self) -> Rooms {
        Rooms { key: self.key.clone(), is_cloud: self.url.host().ends_with(".livekit.cloud") }
    }

    /// A token with the key as it is now.
    ///
    /// # Errors
    /// A file with the key cannot be read, or the token cannot be signed.
    pub async fn token(&self, grants: VideoGrants, ttl: Duration) -> anyhow::Result<String> {
        let (key, secret) = self.key.read().await?;
        let token = AccessToken::with_api_key(key.expose_secret(), secret.expose_secret());
        token.with_ttl(ttl).with_grants(grants).to_jwt().context("sign a token for LiveKit")
    }
}

/// The worker's side of dispatching.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkerArgs {
    /// Name under which calls are dispatched to this worker
    #[arg(long, env, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub agent_name: String,
    /// Most calls at a time
    #[arg(long, env, default_value = "50")]
    pub agent_capacity: NonZeroU32,
    /// How long a place is kept for a job that was accepted and has not been assigned, such as 15s
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "15s")]
    pub agent_assignment_limit: Duration,
    /// How long a stopping worker lets its calls go on, such as 30m; then they are ended
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "30m")]
    pub agent_drain_limit: Duration,
    /// How long the spool's disk may refuse writes before no further calls are taken, such as 10s
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "10s")]
    pub agent_spool_failure_limit: Duration,
    /// How long a participant may be without an agent until one is dispatched again, such as 10s; 0s: never
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "10s")]
    pub agent_redispatch_after: Duration,
}

/// Limits of one session.
#[derive(Debug, Clone, clap::Args)]
pub struct SessionArgs {
    /// How long the agent waits in a room for its participant, such as 10s; longer where agents are dispatched ahead
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "10s")]
    pub agent_participant_wait: Duration,
    /// How long a participant may take to be really connected and to show a track or type something, such as 10s; who is
    /// connected and does neither is sent away only while more than half of the places are held
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "10s")]
    pub agent_sign_wait: Duration,
    /// How long a participant whose connection was lost may take to come back, such as 15s
    #[arg(long, env, value_parser = humantime::parse_duration, default_value = "15s")]
    pub agent_reconnect_grace: Duration,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_worker_needs_its_name_its_servers_and_a_place() {
        let complete = [
            "agent",
            "start",
            "--livekit-url",
            "ws://x",
            "--livekit-api-key",
            "key",
            "--livekit-api-secret",
            "secret",
            "--agent-name",
            "postcall",
            "--nats-url",
            "nats://x",
        ];
        let with_url =
            |url: &'static str| complete.map(|argument| if argument == "ws://x" { url } else { argument });
        for (url, allowed) in [
            ("ws://127.0.0.1:7880", true),
            ("http://localhost", true),
            ("ws://[::1]:7880/livekit", true),
            ("wss://x.livekit.cloud", true),
            ("ws://x", false),
            ("ws://localhost.example.org:7880", false),
        ] {
            let Command::Start(args) = Cli::parse_from(with_url(url)).command else {
                panic!("another command")
            };
            let checked = args.livekit.checked();
            assert_eq!(checked.is_ok(), allowed, "{url}");
            let told = checked.map_err(|error| error.to_string()).err().unwrap_or_default();
            assert!(allowed || told.contains("LIVEKIT_ALLOW_PLAIN_TEXT=true"), "{told}");
        }
        let Command::Start(args) =
            Cli::try_parse_from(complete).map_err(|error| error.to_string()).unwrap().command
        else {
            panic!("another command")
        };
        assert_eq!(args.worker.agent_capacity.get(), 50);
        assert!(Cli::try_parse_from(complete.into_iter().chain(["--agent-capacity", "0"])).is_err());
        assert!(Cli::try_parse_from(complete.into_iter().chain(["--agent-drain-limit", "5"])).is_err());
        let unnamed = complete.map(|argument| if argument == "postcall" { "" } else { argument });
        assert!(Cli::try_parse_from(unnamed).is_err());
    }
}
