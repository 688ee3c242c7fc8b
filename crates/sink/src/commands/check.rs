//! Whether all is there that a sink needs, with what to do where it is not.

use std::time::Duration;

use anyhow::ensure;
use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::PullConsumer;
use schemas::names;
use serde::Serialize;
use service::{JetStream, Nats, Refusal, SyncInterval, what_to_do};

use crate::commands::output::print_line;
use crate::consume::acks::not_allowed;
use crate::options::ack_wait;
use crate::streams::ack_subject::{MessageKey, ack_subject};
use crate::streams::consumer_rules::{changed, paused, unfit};
use crate::streams::stream_rules::{harmful, otherwise};

/// How long a refusal is waited for.
const REFUSAL: Duration = Duration::from_millis(500);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, such as `stream SESSIONS`.
    pub what: String,
    /// Whether it is as it must be.
    pub good: bool,
    /// Its state, in words for the operator.
    pub found: String,
    /// What to do, where it is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub do_next: Option<String>,
}

impl Check {
    /// What was looked at is as it must be.
    pub fn good(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), good: true, found: found.into(), do_next: None }
    }

    /// The server of the queue does not let the sink look.
    fn refused(what: String, refusal: &Refusal) -> Self {
        Self::bad(what, refusal.found(), refusal.todo())
    }

    /// What was looked at is not as it must be.
    pub fn bad(what: impl Into<String>, found: impl Into<String>, do_next: impl Into<String>) -> Self {
        Self { what: what.into(), good: false, found: found.into(), do_next: Some(do_next.into()) }
    }
}

/// NATS, the streams and the sink's consumer. Where one is missing, what depends on it is not looked at.
pub async fn check_queue(nats: &Nats, sink: &str, write_timeout: Duration) -> Vec<Check> {
    let jetstream = match nats.connect(&format!("{sink} check")).await {
        Ok(jetstream) => jetstream,
        Err(error) => {
            return vec![Check::bad("NATS", format!("{error:#}"), what_to_do(&error))];
        }
    };
    let server = jetstream.client().server_info();
    let mut checks = vec![
        Check::good("NATS", format!("nats-server {} answers", server.version)),
        check_stream(&jetstream, sink, names::SESSIONS_STREAM, names::SESSIONS_SUBJECTS).await,
        check_stream(&jetstream, sink, names::DEAD_LETTERS_STREAM, names::DEAD_LETTERS_SUBJECTS).await,
        check_consumer(&jetstream, sink, ack_wait(write_timeout)).await,
    ];
    checks.extend(refused_acks(&jetstream, sink).await);
    checks
}

/// What a power cut of the server can take, by what is set.
pub(crate) fn check_power_cut(sync_interval: SyncInterval) -> Check {
    let found = match sync_interval.safe_after() {
        Some(time) => format!(
            "what NATS has acknowledged is kept for {}; enough where its sync_interval, which it does not tell, is at most {}",
            humantime::format_duration(time),
            humantime::format_duration(time / 2),
        ),
        None => "nothing is kept; right where the sync_interval of NATS, which it does not tell, is always"
            .to_owned(),
    };
    Check::good("NATS_SYNC_INTERVAL", found)
}

async fn check_stream(jetstream: &JetStream, sink: &str, name: &str, subjects: &str) -> Check {
    let what = format!("stream {name}");
    let subject = format!("$JS.API.STREAM.INFO.{name}");
    let stream = match jetstream.unless_refused(&subject, jetstream.get_stream(name)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Check::bad(what, error.to_string(), format!("run {sink} setup")),
        Err(refusal) => return Check::refused(what, &refusal),
    };
    let info = stream.cached_info();
    let config = &info.config;
    let found = format!(
        "{} messages, {:.1} of {} MiB",
        info.state.messages,
        info.state.bytes as f64 / 1_048_576.0,
        if config.max_bytes > 0 {
            (config.max_bytes / 1_048_576).to_string()
        } else {
            "unlimited".to_owned()
        },
    );
    match harmful(config).or_else(|| otherwise(config, subjects)) {
        Some(todo) => Check::bad(what, found, todo),
        None => Check::good(what, found),
    }
}

async fn check_consumer(jetstream: &JetStream, sink: &str, ack_wait: Duration) -> Check {
    let what = format!("consumer {sink}");
    let setup = format!("run {sink} setup");
    let subject = format!("$JS.API.CONSUMER.INFO.{}.{sink}", names::SESSIONS_STREAM);
    let asked = jetstream.get_consumer_from_stream(sink, names::SESSIONS_STREAM);
    let consumer: PullConsumer = match jetstream.unless_refused(&subject, asked).await {
        Ok(Ok(consumer)) => consumer,
        Ok(Err(error)) => return Check::bad(what, error.to_string(), setup),
        Err(refusal) => return Check::refused(what, &refusal),
    };
    let info = consumer.cached_info();
    let config = &info.config;
    let found = format!(
        "{} events wait, {} are being written, {} were delivered again",
        info.num_pending, info.num_ack_pending, info.num_redelivered
    );
    match unfit(config).and_then(|()| changed(config, ack_wait)).and_then(|()| paused(info)) {
        Ok(()) => Check::good(what, found),
        Err(wrong) => Check::bad(what, format!("it {}; {found}", wrong.found), wrong.todo(sink)),
    }
}

/// Says "in progress" of a message that does not exist, which changes nothing where it is allowed. None where it is.
async fn refused_acks(jetstream: &JetStream, sink: &str) -> Option<Check> {
    let nothing = MessageKey { sequence: 0, published: 0 };
    let subject = ack_subject(names::SESSIONS_STREAM, sink, nothing, 0);
    let answered = async {
        let client = jetstream.client();
        client.publish(subject.clone(), AckKind::Progress.into()).await?;
        client.flush().await?;
        tokio::time::sleep(REFUSAL).await;
        anyhow::Ok(())
    };
    let found = match jetstream.unless_refused(&subject, answered).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => not_allowed(sink),
    };
    Some(Check::bad("acks", found, "correct the rights of the user of NATS"))
}

/// A line for each, or one JSON object a line.
///
/// # Errors
/// Where one of them is not good.
pub(crate) fn print_checks(checks: &[Check], json: bool) -> anyhow::Result<()> {
    for check in checks {
        if json {
            print_line(&serde_json::to_string(check)?)?;
            continue;
        }
        let tick = if check.good { '✓' } else { '✗' };
        print_line(&format!("{tick} {}: {}", check.what, check.found))?;
        if let Some(todo) = &check.do_next {
            print_line(&format!("    → {todo}"))?;
        }
    }
    let bad = checks.iter().filter(|check| !check.good).count();
    ensure!(bad == 0, "not as it must be: {bad} of {}", checks.len());
    Ok(())
}
