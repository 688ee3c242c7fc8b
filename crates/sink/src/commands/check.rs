//! Whether all is there that a sink needs, with what to do where it is not.

use std::time::Duration;

use anyhow::ensure;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::stream::{DiscardPolicy, RetentionPolicy};
use schemas::names;
use serde::Serialize;
use service::{Nats, what_to_do};

use crate::commands::output::print_line;
use crate::options::ack_wait;

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

    /// What was looked at is not as it must be.
    pub fn bad(what: impl Into<String>, found: impl Into<String>, do_next: impl Into<String>) -> Self {
        Self { what: what.into(), good: false, found: found.into(), do_next: Some(do_next.into()) }
    }
}

/// NATS, the streams and the sink's consumer. Where one is missing, what depends on it is not looked at.
pub(crate) async fn check_queue(nats: &Nats, sink: &str, write_timeout: Duration) -> Vec<Check> {
    let jetstream = match nats.connect(&format!("{sink} check")).await {
        Ok(jetstream) => jetstream,
        Err(error) => {
            return vec![Check::bad("NATS", format!("{error:#}"), what_to_do(&error))];
        }
    };
    let server = jetstream.client().server_info();
    vec![
        Check::good("NATS", format!("nats-server {} answers", server.version)),
        check_stream(&jetstream, sink, names::SESSIONS_STREAM).await,
        check_stream(&jetstream, sink, names::DEAD_LETTERS_STREAM).await,
        check_consumer(&jetstream, sink, ack_wait(write_timeout)).await,
    ]
}

async fn check_stream(jetstream: &Context, sink: &str, name: &str) -> Check {
    let what = format!("stream {name}");
    let stream = match jetstream.get_stream(name).await {
        Ok(stream) => stream,
        Err(error) => return Check::bad(what, error.to_string(), format!("run {sink} setup")),
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
    if config.retention != RetentionPolicy::Limits || config.discard != DiscardPolicy::New {
        let todo = "set retention to limits and discard to new, or messages go before they are written";
        return Check::bad(what, found, todo);
    }
    Check::good(what, found)
}

async fn check_consumer(jetstream: &Context, sink: &str, ack_wait: Duration) -> Check {
    let what = format!("consumer {sink}");
    let setup = format!("run {sink} setup");
    let looked_up: Result<PullConsumer, _> =
        jetstream.get_consumer_from_stream(sink, names::SESSIONS_STREAM).await;
    let consumer = match looked_up {
        Ok(consumer) => consumer,
        Err(error) => return Check::bad(what, error.to_string(), setup),
    };
    let info = consumer.cached_info();
    let config = &info.config;
    let found = format!(
        "{} events wait, {} are being written, {} were delivered again",
        info.num_pending, info.num_ack_pending, info.num_redelivered
    );
    let as_setup_makes_it = config.ack_policy == AckPolicy::Explicit
        && config.max_deliver == -1
        && config.max_ack_pending < 0
        && config.ack_wait == ack_wait;
    if as_setup_makes_it { Check::good(what, found) } else { Check::bad(what, found, setup) }
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
