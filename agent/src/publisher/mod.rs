//! Publishes the outbox to JetStream. It waits out every fault of the server or the network: what is in the outbox is
//! published once the server is there again. Publishing is idempotent: the message id comes of the session, and JetStream drops
//! what it has.
//!
//! **Published is not yet safe.** JetStream acknowledges before it syncs, every two minutes by default, and a power cut takes back
//! what was not synced. So an acknowledged entry is kept, and published again over each new connection, and where the stream is seen
//! to have gone back.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use schemas::{SessionEvent, names};
use service::{Backoff, Connection, JetStream, Nats};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::spool::{PublishOutcome, Spool};
use crate::traces::publish::Sending;
use stream_watch::{Seen, StreamState, StreamWatch};

mod stream_watch;

/// Publishes that wait for their ack at the same time.
const IN_FLIGHT: usize = 16;
/// How often the stream is looked at while something is kept; more often where it is kept more shortly.
const LOOK: Duration = Duration::from_secs(15);
/// After the server could not store anything.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
/// For an entry that the server refuses for itself, such as one that is too large; a reconnect ends the pause.
const REFUSED_BACKOFF: Backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(60));
/// Why nothing is published where the stream has no room, or its store fails: JetStream's code is the same.
const STREAM_FULL: &str =
    "stream full; raise max_bytes of the stream SESSIONS, or make room on the disk of NATS";

/// Why nothing counts as published where the subject is not the right stream's.
const OTHER_STREAM: &str = "another stream takes sessions.ended.v1, and not SESSIONS; take that subject out of it, then run a sink's setup";

/// Where session-end events are published.
#[derive(Clone, clap::Args)]
pub struct PublisherArgs {
    #[command(flatten)]
    pub nats: Nats,
    /// How long a stopping agent waits for its last events to be published; the rest is published at the next start.
    #[arg(long, env = "AGENT_PUBLISH_DRAIN_LIMIT", value_parser = humantime::parse_duration, default_value = "10s")]
    pub publish_drain_limit: Duration,
}

/// Why there is no connection to NATS; none while there is one.
pub type Trouble = watch::Sender<Option<String>>;

/// Publishes outbox entries until `shutdown` is cancelled, and then until the outbox is empty or the limit has passed.
///
/// # Errors
/// A setting for NATS cannot be used. Faults of the server or the network are waited out, and told.
pub async fn run(
    args: PublisherArgs,
    spool: Spool,
    trouble_tx: Trouble,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let limit = args.publish_drain_limit;
    let connection = args.nats.keep_connected("agent").await?;
    let drained = async {
        shutdown.cancelled().await;
        timeout(limit, spool.drained()).await.is_ok()
    };
    let drained = tokio::select! {
        () = publish_all(connection, &spool, &trouble_tx) => false,
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
async fn publish_all(mut connection: Connection, spool: &Spool, trouble_tx: &Trouble) {
    let mut keeping = pin!(keep_safe(connection.clone(), spool));
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
                    // The message of a panic may hold what a caller said; the panic hook has logged the place.
                    Err(_) => {
                        tracing::error!("a publish panicked: its entry is published at the next start");
                        continue;
                    }
                };
                match outcome {
                    Outcome::Done => failures = 0,
                    Outcome::Unavailable => {
                        spool.publish_failed(PublishOutcome::Failed);
                        // Those that were in flight together failed together.
                        if failures_before == failures {
                            failures += 1;
                            resume = Instant::now() + BACKOFF.pause(failures);
                        }
                        spool.put_back(entry);
                    }
                    Outcome::Refused => {
                        spool.publish_failed(PublishOutcome::Refused);
                        refused.spawn(wait_refused(entry, connection.connected.clone()));
                    }
                }
            }
            Some(waited) = refused.join_next() => {
                if let Ok(entry) = waited {
                    spool.put_back(entry);
                }
            }
            () = connection.ended() => {
                tracing::error!("the NATS client has ended: connecting anew");
                connection = connection.renew().await;
                keeping.set(keep_safe(connection.clone(), spool));
            }
            () = &mut keeping => {}
            () = tell(connection.clone(), trouble_tx) => {}
            entry = next_entry(connection.clone(), spool, resume), if in_flight.len() < places => {
                let (jetstream, spool) = (connection.jetstream.clone(), spool.clone());
                in_flight.spawn(async move {
                    let outcome = publish(&jetstream, &spool, &entry).await;
                    Attempt { entry, failures_before: failures, outcome }
                });
            }
        }
    }
}

/// Publishes what is kept once more over each new connection, and forgets what is safe. It never ends.
async fn keep_safe(connection: Connection, spool: &Spool) {
    let mut connected_rx = connection.connected.clone();
    while connected_rx.wait_for(|connected| *connected).await.is_ok() {
        spool.publish_again().await;
        tokio::select! {
            () = watch_stream(&connection.jetstream, spool) => {}
            _ = connected_rx.changed() => {}
        }
    }
    std::future::pending().await
}

/// Looks at the stream again and again, while something is kept. Where it cannot be seen, what is kept stays so.
async fn watch_stream(jetstream: &JetStream, spool: &Spool) {
    let Some(safe_after) = spool.safe_after() else { return std::future::pending().await };
    let (mut watch, pause) = (StreamWatch::default(), LOOK.min(safe_after / 8));
    let subject = format!("$JS.API.STREAM.INFO.{}", names::SESSIONS_STREAM);
    let mut told = false;
    loop {
        sleep(pause).await;
        if spool.kept() == 0 {
            continue;
        }
        let began = std::time::Instant::now();
        let looked = jetstream.get_stream(names::SESSIONS_STREAM);
        let state = match jetstream.unless_refused(&subject, looked).await {
            Ok(Ok(stream)) => StreamState::of(stream.cached_info()),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the stream cannot be seen");
                continue;
            }
            Err(refusal) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%refusal, "published sessions are kept for as long as there is room: the stream cannot be seen");
                }
                continue;
            }
        };
        match watch.look(began, state) {
            Seen::First => {}
            Seen::Held(held) => spool.forget_safe(held).await,
            Seen::WentBack => {
                tracing::error!("the stream SESSIONS lacks what it has acknowledged");
                spool.publish_again().await;
            }
        }
    }
}

/// Keeps what is told of the connection true. It ends with the client only.
async fn tell(mut connection: Connection, trouble_tx: &Trouble) {
    let told = |now: Option<String>| {
        trouble_tx.send_if_modified(|told| std::mem::replace(told, now.clone()) != now);
    };
    while connection.wait(|reason| told(Some(reason))).await {
        told(None);
        if connection.connected.changed().await.is_err() {
            break;
        }
    }
    told(connection.trouble());
    std::future::pending().await
}

/// The next entry, once there is a connection and the pause is over. Without a connection nothing is sent: the client
/// would keep every try in memory and send them all later.
async fn next_entry(mut connection: Connection, spool: &Spool, resume: Instant) -> String {
    sleep_until(resume).await;
    loop {
        spool.entry_available().await;
        if !connection.wait(drop).await {
            // Another client is on its way, and this is asked again with it.
            std::future::pending::<()>().await;
        }
        if let Some(entry) = spool.take_entry() {
            return entry;
        }
    }
}

async fn wait_refused(entry: String, mut connected_rx: watch::Receiver<bool>) -> String {
    connected_rx.mark_unchanged();
    let reconnected = async {
        while connected_rx.changed().await.is_ok() {
            if *connected_rx.borrow_and_update() {
                return;
            }
        }
    };
    tokio::select! {
        () = sleep(REFUSED_BACKOFF.pause(1)) => {}
        () = reconnected => sleep(BACKOFF.pause(1)).await,
    }
    entry
}

async fn publish(jetstream: &JetStream, spool: &Spool, entry: &str) -> Outcome {
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
    let mut message = PublishMessage::build()
        .message_id(event.identity.message_id())
        .header(names::header::CONTENT_TYPE, "application/json")
        .payload(payload.clone());
    let sending = Sending::begin(&event.identity);
    if let Some(sending) = &sending {
        message = message.header(names::header::TRACE_PARENT, sending.traceparent());
    }
    let sent = async { jetstream.send_publish(names::SESSION_ENDED_V1, message).await?.await };
    let sent = jetstream.unless_refused(names::SESSION_ENDED_V1, sent).await;
    if let Some(sending) = sending {
        sending.ended(&payload, &sent);
    }
    let sent = match sent {
        Ok(sent) => sent,
        Err(refusal) => {
            tracing::error!(
                session.id = session_id, outbox.waiting = spool.waiting(), %refusal,
                "cannot publish the session-end payload: it is kept, and tried again"
            );
            spool.publish_refused(entry, refusal.to_string());
            return Outcome::Unavailable;
        }
    };
    match sent {
        Ok(ack) if ack.stream != names::SESSIONS_STREAM => {
            spool.publish_refused(entry, OTHER_STREAM);
            tracing::error!(
                session.id = session_id,
                stream = ack.stream,
                "another stream took the session-end payload, and not SESSIONS, from which the sinks read: it is kept, and tried \
                 again"
            );
            Outcome::Unavailable
        }
        Ok(ack) => {
            tracing::info!(
                session.id = session_id,
                payload.bytes = payload_bytes,
                stream.sequence = ack.sequence,
                stream.duplicate = ack.duplicate,
                "published the session-end payload"
            );
            spool.published(entry.to_owned()).await;
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
                spool.publish_refused(entry, STREAM_FULL);
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
