//! A sink as a program: what its crate says of its store, and the commands that it gets for that.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory as _;
use futures::Stream;
use service::{LogFormat, Nats, SyncInterval};

use crate::commands::check::{Check, check_power_cut, check_queue, print_checks};
use crate::commands::dead_letters::{DeadLettersArgs, dead_letters};
use crate::commands::dry_run;
use crate::commands::replay::{ReplayEventsArgs, replay_events};
use crate::commands::setup::{SetupArgs, setup};
use crate::consume::health::http_setting;
use crate::consume::run;
use crate::options::{RENAMED_SETTINGS, RunArgs, SinkOptions};
use crate::streams::events::{Events, StoredEvent};
use crate::writer::Writer;

/// A sink: the store that it writes to, and how it is set up, checked and driven.
pub trait Sink: Writer + Sized {
    /// Name of its package and its program, such as `sink-s3`. The durable consumer is called so, the last token of the
    /// subject of its dead letters, the beginning of their message ids, and its label in the metrics; in capitals it begins
    /// the setting of its HTTP address, `SINK_S3_HTTP`. Use `env!("CARGO_PKG_NAME")`.
    const NAME: &'static str;
    /// What it does, in a sentence for `--help`. Use `env!("CARGO_PKG_DESCRIPTION")`.
    const ABOUT: &'static str;
    /// Address of `/healthz`, `/readyz` and `/metrics` where its operator sets none, such as `127.0.0.1:9101`.
    const HTTP: &'static str;
    /// Variables of the environment that have another name by now, each with that name: where one is set, the sink does not
    /// start.
    const RENAMED_SETTINGS: &'static [(&'static str, &'static str)] = &[];

    /// The settings that writing needs: how the store is reached, and as whom.
    type Args: clap::Args;
    /// The settings that an operator's `setup` needs of the store; [`NoArgs`] where there is nothing to set up.
    type SetupArgs: clap::Args;
    /// Its own commands besides the common ones; [`NoCommands`] where there are none.
    type Command: FurtherCommands;

    /// How its writer is driven.
    fn options(args: &Self::Args) -> SinkOptions;

    /// As in [`Self::options`], for `setup`: the consumer's `ack_wait` follows from it.
    fn write_timeout(args: &Self::SetupArgs) -> Duration;

    /// The sink, ready to write. Nothing need be asked of the store yet: [`Writer::probe`] is for that.
    ///
    /// # Errors
    /// A setting that cannot be used.
    fn connect(args: Self::Args) -> impl Future<Output = anyhow::Result<Self>>;

    /// Makes what is to be made in the store, with an operator's rights; again changes nothing.
    ///
    /// # Errors
    /// The store cannot be reached, or refuses.
    fn setup(args: Self::SetupArgs) -> impl Future<Output = anyhow::Result<()>> {
        drop(args);
        async { Ok(()) }
    }

    /// Whether the store is as writing needs it, and what to do where it is not; without any write to it where that is said.
    /// By default, the answer to a probe.
    ///
    /// # Errors
    /// A setting that cannot be used.
    fn check(args: Self::Args, read_only: bool) -> impl Future<Output = anyhow::Result<Vec<Check>>> {
        let _ = read_only;
        async {
            let probed = Self::connect(args).await?.probe().await;
            Ok(vec![match probed {
                Ok(()) => Check::good("store", "it answers"),
                Err(reason) => Check::bad("store", reason, "correct its settings, or start it"),
            }])
        }
    }

    /// Prints what these events would change, one JSON object a line with `json`, and writes nothing. By default, which events
    /// would be written.
    ///
    /// # Errors
    /// The events or the store cannot be reached, or nobody reads what is printed.
    fn preview(
        &self,
        events: impl Stream<Item = anyhow::Result<StoredEvent>>,
        json: bool,
    ) -> impl Future<Output = anyhow::Result<()>> {
        dry_run::list(events, json)
    }
}

/// Commands that only one sink has.
pub trait FurtherCommands: clap::Subcommand {
    /// Executes the one that was given.
    ///
    /// # Errors
    /// The command has failed.
    fn execute(self) -> impl Future<Output = anyhow::Result<()>>;
}

/// No settings at all.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct NoArgs {}

/// No commands besides the common ones.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub enum NoCommands {}

impl FurtherCommands for NoCommands {
    async fn execute(self) -> anyhow::Result<()> {
        match self {}
    }
}

/// The whole program of a sink: reads the command line and does what it says.
pub fn main<S: Sink>() -> ExitCode {
    let Cli { command } = service::command_line::<Cli<S>>(command::<S>());
    let own = [env!("CARGO_CRATE_NAME"), crate_of::<S>()];
    service::main(&own, LogFormat::from_environment(), execute(command))
}

#[derive(clap::Parser)]
struct Cli<S: Sink> {
    #[command(subcommand)]
    command: Command<S>,
}

#[derive(clap::Subcommand)]
enum Command<S: Sink> {
    /// Writes session-end events until SIGTERM, then finishes what is in flight.
    Run(Box<RunCommand<S>>),
    /// Creates the streams and this sink's consumer and sets up its store, with an operator's credentials; again changes
    /// nothing.
    Setup(Box<SetupCommand<S>>),
    /// Looks whether all is there that writing needs, and says what to do where it is not.
    Check(Box<CheckCommand<S>>),
    /// Writes events of the stream again. Needs the right to read messages of the stream.
    Replay(Box<ReplayCommand<S>>),
    /// Lists, shows, replays and drops the events that could not be written.
    DeadLetters(Box<DeadLettersArgs<S::Args>>),
    #[command(flatten)]
    Further(S::Command),
}

#[derive(clap::Args)]
struct RunCommand<S: Sink> {
    /// Prints what the waiting events would change, and ends. Writes nothing and acks nothing. Needs the right to read messages
    /// of the stream.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line.
    #[arg(long, requires = "dry_run")]
    json: bool,
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, default_value = S::HTTP)]
    http: SocketAddr,
    #[command(flatten)]
    runtime: RunArgs,
    #[command(flatten)]
    store: S::Args,
}

#[derive(clap::Args)]
struct SetupCommand<S: Sink> {
    #[command(flatten)]
    streams: SetupArgs,
    #[command(flatten)]
    store: S::SetupArgs,
}

#[derive(clap::Args)]
struct CheckCommand<S: Sink> {
    #[command(flatten)]
    nats: Nats,
    #[command(flatten)]
    sync_interval: SyncInterval,
    #[command(flatten)]
    store: S::Args,
    /// Writes nothing to the store; what only a write can show is not looked at.
    #[arg(long)]
    read_only: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct ReplayCommand<S: Sink> {
    /// Prints what the events would change, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    replay: ReplayEventsArgs<S::Args>,
}

/// The command line, with what is particular to the sink.
fn command<S: Sink>() -> clap::Command {
    // It is used until the program ends.
    let http: &'static str = http_setting(S::NAME).leak();
    Cli::<S>::command()
        .name(S::NAME)
        .about(S::ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .mut_subcommand("run", |run| {
            run.mut_arg("http", |address| address.env(http)).after_help(service::traces::HELP)
        })
}

/// The crate that a sink's type is defined in, by the name that its lines have in the log.
fn crate_of<S>() -> &'static str {
    let path = std::any::type_name::<S>();
    path.split("::").next().unwrap_or(path)
}

async fn execute<S: Sink>(command: Command<S>) -> anyhow::Result<()> {
    service::ensure_not_renamed(RENAMED_SETTINGS)?;
    service::ensure_not_renamed(S::RENAMED_SETTINGS)?;
    match command {
        Command::Run(command) => {
            let RunCommand { dry_run, json, http, runtime, store } = *command;
            let options = S::options(&store);
            let _traces = if dry_run { None } else { Some(service::traces::start(S::NAME)?) };
            let sink = S::connect(store).await?;
            if dry_run {
                let events = dry_run_events::<S>(&runtime.nats).await?;
                return sink.preview(events.waiting_for(S::NAME).await?, json).await;
            }
            run(S::NAME, options, runtime, http, sink).await
        }
        Command::Setup(command) => {
            let SetupCommand { streams, store } = *command;
            setup(S::NAME, S::write_timeout(&store), &streams).await?;
            S::setup(store).await
        }
        Command::Check(command) => {
            let CheckCommand { nats, sync_interval, store, read_only, json } = *command;
            let mut checks = check_queue(&nats, S::NAME, S::options(&store).write_timeout).await;
            checks.push(check_power_cut(sync_interval));
            checks.extend(S::check(store, read_only).await?);
            print_checks(&checks, json)
        }
        Command::Replay(command) => {
            let ReplayCommand { dry_run, replay } = *command;
            if dry_run {
                let sink = S::connect(replay.writer).await?;
                let events = dry_run_events::<S>(&replay.nats).await?;
                return sink.preview(replay.events.select(&events).await?, replay.json).await;
            }
            replay_events(S::NAME, replay, connect::<S>).await
        }
        Command::DeadLetters(args) => dead_letters(S::NAME, *args, connect::<S>).await,
        Command::Further(command) => command.execute().await,
    }
}

async fn dry_run_events<S: Sink>(nats: &Nats) -> anyhow::Result<Events> {
    Events::connect(nats, &format!("{} dry run", S::NAME)).await
}

async fn connect<S: Sink>(args: S::Args) -> anyhow::Result<(SinkOptions, S)> {
    let options = S::options(&args);
    Ok((options, S::connect(args).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::{Message, WriteError, Written};

    struct Nowhere;

    impl Writer for Nowhere {
        async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
            vec![Ok(Written { outcome: "written" }); batch.len()]
        }
    }

    impl Sink for Nowhere {
        const NAME: &'static str = "sink-nowhere";
        const ABOUT: &'static str = "Writes nothing";
        const HTTP: &'static str = "127.0.0.1:9199";
        type Args = NoArgs;
        type SetupArgs = NoArgs;
        type Command = NoCommands;

        fn options(_: &NoArgs) -> SinkOptions {
            let write_timeout = Duration::from_secs(1);
            SinkOptions { max_batch: 1, linger: Duration::ZERO, max_concurrent_writes: 1, write_timeout }
        }

        fn write_timeout(_: &NoArgs) -> Duration {
            Duration::from_secs(1)
        }

        async fn connect(_: NoArgs) -> anyhow::Result<Self> {
            Ok(Self)
        }
    }

    #[test]
    fn a_sink_has_a_command_line_of_its_own_name() {
        let mut command = command::<Nowhere>();
        command.build();
        assert_eq!(command.get_name(), "sink-nowhere");
        let run = command.find_subcommand("run").unwrap();
        let http = run.get_arguments().find(|argument| argument.get_id() == "http").unwrap();
        assert_eq!(http.get_env(), Some("SINK_NOWHERE_HTTP".as_ref()));
        assert_eq!(http.get_default_values(), ["127.0.0.1:9199"]);
        command.debug_assert();
    }

    #[test]
    fn what_a_sinks_crate_says_is_logged() {
        assert_eq!(crate_of::<Nowhere>(), module_path!().split("::").next().unwrap());
    }
}
