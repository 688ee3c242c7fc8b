//! `setup`: the streams and the durable consumer, as an operator makes them.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use schemas::names;
use service::Nats;
use tracing::info;

use crate::options::ack_wait;
use crate::streams::consumer_rules::wanted;
use crate::streams::stream_rules::harmful;

/// The same event published again within this time is dropped by the server.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(3_600);

const DAY: Duration = Duration::from_secs(86_400);
const MIB: u64 = 1024 * 1024;

/// Flags of `setup` that every sink has. A limit that is not given is the default for a new stream and
/// stays as it is for an existing one; one that is smaller than the existing one is refused.
#[derive(Debug, Clone, clap::Args)]
pub struct SetupArgs {
    #[command(flatten)]
    pub nats: Nats,
    /// How long the stream keeps session-end events [new streams: 30d].
    #[arg(long, env = "SESSIONS_MAX_AGE", value_parser = humantime::parse_duration)]
    pub sessions_max_age: Option<Duration>,
    /// Bytes of session-end events that the stream keeps; a full stream refuses more [new streams: 1 GiB].
    #[arg(long, env = "SESSIONS_MAX_BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub sessions_max_bytes: Option<u64>,
    /// How long the stream keeps dead letters [new streams: 90d].
    #[arg(long, env = "DEAD_LETTERS_MAX_AGE", value_parser = humantime::parse_duration)]
    pub dead_letters_max_age: Option<Duration>,
    /// Bytes of dead letters that the stream keeps; a full stream refuses more [new streams: 256 MiB].
    #[arg(long, env = "DEAD_LETTERS_MAX_BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub dead_letters_max_bytes: Option<u64>,
    /// Servers that hold a copy of each stream [new streams: 1; production: 3].
    #[arg(long, env = "STREAM_REPLICAS")]
    pub replicas: Option<usize>,
}

/// What a stream shall be.
struct Wanted {
    name: &'static str,
    subjects: &'static str,
    description: &'static str,
    max_age: Limit<Duration>,
    max_bytes: Limit<u64>,
    replicas: Option<usize>,
}

/// A limit as it was asked for, and what a new stream has otherwise.
struct Limit<T> {
    asked: Option<T>,
    default: T,
}

/// Creates the streams and the durable consumer of a sink, or brings the existing ones to what is wanted. Needs an
/// operator's credentials; running it again changes nothing.
///
/// # Errors
/// Where NATS cannot be reached or refuses, or where something that exists would have to shrink.
pub async fn setup(sink: &str, write_timeout: Duration, args: &SetupArgs) -> anyhow::Result<()> {
    let jetstream = args.nats.connect(&format!("{sink} setup")).await?;
    let all = async {
        for wanted in wanted_streams(args) {
            let name = wanted.name;
            setup_stream(&jetstream, wanted).await.with_context(|| format!("set up stream {name}"))?;
        }
        let consumer = setup_consumer(&jetstream, sink, ack_wait(write_timeout)).await;
        consumer.with_context(|| format!("set up consumer {sink}"))
    };
    let done = jetstream.unless_anything_is_refused(all).await;
    done.with_context(|| format!("{sink} setup needs an operator's rights"))?
}

fn wanted_streams(args: &SetupArgs) -> [Wanted; 2] {
    let sessions = Wanted {
        name: names::SESSIONS_STREAM,
        subjects: names::SESSIONS_SUBJECTS,
        description: "One event for each ended session",
        max_age: Limit { asked: args.sessions_max_age, default: 30 * DAY },
        max_bytes: Limit { asked: args.sessions_max_bytes, default: 1_024 * MIB },
        replicas: args.replicas,
    };
    let dead_letters = Wanted {
        name: names::DEAD_LETTERS_STREAM,
        subjects: names::DEAD_LETTERS_SUBJECTS,
        description: "Session-end events that a sink could not write",
        max_age: Limit { asked: args.dead_letters_max_age, default: 90 * DAY },
        max_bytes: Limit { asked: args.dead_letters_max_bytes, default: 256 * MIB },
        replicas: args.replicas,
    };
    [sessions, dead_letters]
}

async fn setup_stream(jetstream: &Context, wanted: Wanted) -> anyhow::Result<()> {
    let existing = match jetstream.get_stream(wanted.name).await {
        Ok(stream) => Some(stream.cached_info().config.clone()),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => None,
            _ => return Err(error).context("look up"),
        },
    };
    let Some(existing) = existing else {
        jetstream.create_stream(new_stream(&wanted)).await.context("create")?;
        info!(stream = wanted.name, "created");
        return Ok(());
    };
    let changed = grown(&existing, &wanted)?;
    if changed == existing {
        info!(stream = wanted.name, "already as wanted");
    } else {
        jetstream.update_stream(&changed).await.context("update")?;
        info!(stream = wanted.name, "changed");
    }
    Ok(())
}

fn new_stream(wanted: &Wanted) -> Config {
    Config {
        name: wanted.name.to_owned(),
        description: Some(wanted.description.to_owned()),
        subjects: vec![wanted.subjects.to_owned()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_age: wanted.max_age.asked.unwrap_or(wanted.max_age.default),
        max_bytes: signed(wanted.max_bytes.asked.unwrap_or(wanted.max_bytes.default)),
        num_replicas: wanted.replicas.unwrap_or(1),
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    }
}

/// The existing configuration with what is wanted; an error where that would shrink it.
fn grown(existing: &Config, wanted: &Wanted) -> anyhow::Result<Config> {
    if let Some(harmful) = harmful(existing) {
        bail!(harmful);
    }
    ensure!(existing.storage == StorageType::File, "it exists without file storage, which cannot be changed");
    ensure!(
        existing.retention == RetentionPolicy::Limits,
        "it exists with another retention than limits, which cannot be changed"
    );
    let mut changed = existing.clone();
    changed.discard = DiscardPolicy::New;
    changed.duplicate_window = existing.duplicate_window.max(DUPLICATE_WINDOW);
    if !existing.subjects.iter().any(|subject| subject == wanted.subjects) {
        changed.subjects.push(wanted.subjects.to_owned());
    }
    // Zero and below mean without a limit.
    if let Some(max_age) = wanted.max_age.asked {
        if existing.max_age.is_zero() || max_age < existing.max_age {
            let existing = if existing.max_age.is_zero() {
                "without a limit".to_owned()
            } else {
                humantime::format_duration(existing.max_age).to_string()
            };
            bail!("max_age would shrink from {existing} to {}", humantime::format_duration(max_age));
        }
        changed.max_age = max_age;
    }
    if let Some(max_bytes) = wanted.max_bytes.asked.map(signed) {
        ensure!(
            existing.max_bytes > 0 && max_bytes >= existing.max_bytes,
            "max_bytes would shrink from {} to {max_bytes}",
            if existing.max_bytes > 0 {
                existing.max_bytes.to_string()
            } else {
                "without a limit".to_owned()
            }
        );
        changed.max_bytes = max_bytes;
    }
    if let Some(replicas) = wanted.replicas {
        ensure!(
            replicas >= existing.num_replicas,
            "replicas would shrink from {} to {replicas}",
            existing.num_replicas
        );
        changed.num_replicas = replicas;
    }
    Ok(changed)
}

async fn setup_consumer(jetstream: &Context, sink: &str, ack_wait: Duration) -> anyhow::Result<()> {
    let config = wanted(sink, ack_wait);
    // Creates it, or changes what may be changed; where it stands in the stream stays.
    jetstream.create_consumer_on_stream(config, names::SESSIONS_STREAM).await.context("create or update")?;
    info!(consumer = sink, ack_wait_seconds = ack_wait.as_secs(), "as wanted");
    Ok(())
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
