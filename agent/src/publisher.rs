//! Publishes the outbox to JetStream and removes each entry after the ack. It waits out every fault of the server or
//! the network: what is in the outbox is published once the server is there again.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::context::{Context, ContextBuilder, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectOptions, Event, ServerAddr, connection::State};
use schemas::{SessionEvent, names};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::spool::Spool;

/// Publishes that wait for their ack at the same time.
const IN_FLIGHT: usize = 16;
/// How long to wait for an ack.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// First and longest pause after a failure; each lasts half of it at least, so that workers do not come back together.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// Longest time between two tries to connect.
const RECONNECT_PAUSE: Duration = Duration::from_secs(4);
/// Pause of an entry that the server refuses for itself, such as one that is too large; a reconnect ends it.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// A server that does not answer two pings is left.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Why nothing is published where the stream has no room, or its store fails: JetStream's code is the same.
const STREAM_FULL: &str =
    "stream full; raise max_bytes of the stream SESSIONS, or make room on the disk of NATS";
/// How often to look for a connection.
const CONNECTION_POLL: Duration = Duration::from_millis(50);

/// Where session-end events are published.
#[derive(Clone, clap::Args)]
pub struct PublisherArgs {
    /// NATS server, such as `nats://127.0.0.1:4222`, with `user:password@` or `token@` before the host where it has them;
    /// several, separated by commas, are one cluster.
    #[arg(long, env = "NATS_URL", value_delimiter = ',', hide_env_values = true, required = true)]
    pub nats_url: Vec<ServerAddr>,
    /// Credentials file (JWT and seed) for NATS.
    #[arg(long, env = "NATS_CREDS")]
    pub nats_creds: Option<PathBuf>,
    /// How long a stopping agent waits for its last events to be published; the rest is published at the next start.
    #[arg(long, env = "AGENT_PUBLISH_DRAIN_LIMIT", value_parser = humantime::parse_duration, default_value = "10s")]
    pub publish_drain_limit: Duration,
}

/// Publishes outbox entries until `shutdown` is cancelled, and then until the outbox is empty or the limit has passed.
///
/// # Errors
/// Where the credentials file cannot be read. Faults of the server or the network are waited out.
pub async fn run(args: PublisherArgs, spool: Spool, shutdown: CancellationToken) -> anyhow::Result<()> {
    let limit = args.publish_drain_limit;
    let (client, reconnects) = connect(args).await?;
    let drained = async {
        shutdown.cancelled().await;
        timeout(limit, spool.drained()).await.is_ok()
    };
    let drained = tokio::select! {
        () = publish_all(&client, &spool, reconnects) => false,
        drained = drained => drained,
    };
    if !drained {
        let (waiting, in_memory) = (spool.waiting(), spool.waiting_in_memory());
        tracing::warn!(
            outbox.waiting = waiting,
            "ended sessions are not published yet: those on disk are published at the next start"
        );
        if in_memory > 0 {
            tracing::error!(
                outbox.in_memory = in_memory,
                "ended sessions are in memory only: the disk refuses them"
            );
        }
    }
    Ok(())
}

/// A client that connects by itself, whenever it can, and how often it has connected.
async fn connect(args: PublisherArgs) -> anyhow::Result<(Client, watch::Receiver<u64>)> {
    let (connected, reconnects) = watch::channel(0);
    let last_error = watch::Sender::<Option<String>>::default();
    let mut options = ConnectOptions::new()
        .name("postcall-agent")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .ping_interval(PING_INTERVAL)
        .client_capacity(2 * IN_FLIGHT)
        .reconnect_delay_callback(|attempts| match attempts {
            0 | 1 => Duration::ZERO,
            attempts => jittered(grown(PAUSE.0, attempts).min(RECONNECT_PAUSE)),
        })
        .event_callback(move |event| {
            let (connected, last_error) = (connected.clone(), last_error.clone());
            async move { log_connection(event, &connected, &last_error) }
        });
    if let Some(path) = args.nats_creds {
        options = options.credentials_file(path).await.context("read NATS credentials file")?;
    } else if let Some(first) = args.nats_url.first() {
        // The client does not look at what stands before the host.
        options = match (first.username(), first.password()) {
            (Some(user), Some(password)) => options.user_and_password(user.to_owned(), password.to_owned()),
            (Some(token), None) => options.token(token.to_owned()),
            (None, _) => options,
        };
    }
    let client = options.connect(args.nats_url).await.context("connect to NATS")?;
    Ok((client, reconnects))
}

fn log_connection(event: Event, connected: &watch::Sender<u64>, last_error: &watch::Sender<Option<String>>) {
    match event {
        Event::Connected => {
            tracing::info!("connected to NATS");
            last_error.send_replace(None);
            connected.send_modify(|count| *count += 1);
        }
        Event::Disconnected => tracing::warn!("disconnected from NATS: ended sessions wait in the outbox"),
        Event::ServerError(_) | Event::ClientError(_) => {
            let error = event.to_string();
            // While a server is away, every try says the same.
            if last_error.borrow().as_ref() != Some(&error) {
                tracing::warn!(%error, "cannot use NATS: ended sessions wait in the outbox");
                last_error.send_replace(Some(error));
            }
        }
        event => tracing::debug!(%event, "NATS connection"),
    }
}

/// What came of one try, and the number of failures before it began.
struct Attempt {
    entry: String,
    failures_before: u32,
    outcome: Outcome,
}

enum Outcome {
    /// It is no longer in the outbox.
    Done,
    /// The server cannot store anything now.
    Unavailable,
    /// This entry cannot be stored; others can.
    Refused,
}

/// Publishes for ever. While the server cannot store anything, one entry at a time is tried, after a growing pause.
async fn publish_all(client: &Client, spool: &Spool, reconnects: watch::Receiver<u64>) {
    let context = ContextBuilder::new().timeout(ACK_TIMEOUT).build(client.clone());
    let mut in_flight = JoinSet::new();
    let mut refused = JoinSet::new();
    let mut failures = 0;
    let mut resume = Instant::now();
    loop {
        let places = if failures == 0 { IN_FLIGHT } else { 1 };
        tokio::select! {
            Some(attempt) = in_flight.join_next() => {
                let Attempt { entry, failures_before, outcome } = match attempt {
                    Ok(attempt) => attempt,
                    Err(error) => {
                        tracing::error!(%error, "a publish panicked: its entry is published at the next start");
                        continue;
                    }
                };
                match outcome {
                    Outcome::Done => failures = 0,
                    Outcome::Unavailable => {
                        // Those that were in flight together failed together.
                        if failures_before == failures {
                            resume = Instant::now() + jittered(grown(PAUSE.0, failures as usize).min(PAUSE.1));
                            failures += 1;
                        }
                        spool.put_back(entry);
                    }
                    Outcome::Refused => {
                        refused.spawn(wait_refused(entry, reconnects.clone()));
                    }
                }
            }
            Some(waited) = refused.join_next() => {
                if let Ok(entry) = waited {
                    spool.put_back(entry);
                }
            }
            entry = next_entry(client, spool, resume), if in_flight.len() < places => {
                let (context, spool) = (context.clone(), spool.clone());
                in_flight.spawn(async move {
                    let outcome = publish(&context, &spool, &entry).await;
                    Attempt { entry, failures_before: failures, outcome }
                });
            }
        }
    }
}

/// The next entry, once there is a connection and the pause is over. Without a connection nothing is sent: the client
/// would keep every try in memory and send them all later.
async fn next_entry(client: &Client, spool: &Spool, resume: Instant) -> String {
    sleep_until(resume).await;
    loop {
        spool.entry_available().await;
        if client.connection_state() != State::Connected {
            sleep(CONNECTION_POLL).await;
        } else if let Some(entry) = spool.take_entry() {
            return entry;
        }
    }
}

async fn wait_refused(entry: String, mut reconnects: watch::Receiver<u64>) -> String {
    reconnects.mark_unchanged();
    tokio::select! {
        () = sleep(jittered(REFUSED_PAUSE)) => {}
        Ok(()) = reconnects.changed() => sleep(jittered(PAUSE.0)).await,
    }
    entry
}

async fn publish(context: &Context, spool: &Spool, entry: &str) -> Outcome {
    let payload = match spool.payload(entry).await {
        Ok(payload) => payload,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::error!(
                outbox.entry = entry,
                "an outbox file is gone: somebody removed it, nothing is published"
            );
            spool.remove(entry.to_owned()).await;
            return Outcome::Done;
        }
        Err(error) => {
            tracing::error!(outbox.entry = entry, %error, "cannot read an outbox file: tried again later");
            return Outcome::Refused;
        }
    };
    let Ok(event) = SessionEvent::decode(&payload, None) else {
        spool.set_aside(entry.to_owned()).await;
        return Outcome::Done;
    };
    let session_id = event.identity.session_id.as_str();
    let payload_bytes = payload.len();
    let message = PublishMessage::build()
        .message_id(event.identity.message_id())
        .header(names::header::CONTENT_TYPE, "application/json")
        .payload(payload);
    let sent = async { context.send_publish(names::SESSION_ENDED_V1, message).await?.await };
    match sent.await {
        Ok(ack) => {
            tracing::info!(
                session.id = session_id,
                payload.bytes = payload_bytes,
                stream.sequence = ack.sequence,
                stream.duplicate = ack.duplicate,
                "published the session-end payload"
            );
            spool.publish_refused(None);
            spool.remove(entry.to_owned()).await;
            Outcome::Done
        }
        Err(error) if is_about_the_message(&error) => {
            tracing::error!(
                session.id = session_id, payload.bytes = payload_bytes, error = %with_source(&error),
                "NATS refuses this payload: raise the server's max_payload or the stream's max_msg_size; it is kept, \
                 and tried again slowly"
            );
            Outcome::Refused
        }
        Err(error) => {
            if error_code(&error) == Some(ErrorCode::STREAM_STORE_FAILED) {
                spool.publish_refused(Some(STREAM_FULL));
            }
            tracing::warn!(
                session.id = session_id, payload.bytes = payload_bytes, outbox.waiting = spool.waiting(),
                error = %with_source(&error),
                "cannot publish the session-end payload: it is kept, and tried again"
            );
            Outcome::Unavailable
        }
    }
}

/// Whether the fault is this message's, so that others can be stored.
fn is_about_the_message(error: &PublishError) -> bool {
    error.kind() == PublishErrorKind::MaxPayloadExceeded
        || error_code(error) == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
}

fn error_code(error: &PublishError) -> Option<ErrorCode> {
    let source = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    source.map(jetstream::Error::error_code)
}

fn with_source(error: &PublishError) -> String {
    match error.source() {
        Some(source) => format!("{}: {source}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Doubled with each failure.
fn grown(first: Duration, failures: usize) -> Duration {
    first.saturating_mul(1 << failures.min(16))
}

/// Between the half and the whole of a pause.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}
