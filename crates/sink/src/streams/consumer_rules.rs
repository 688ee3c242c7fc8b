//! What the durable consumer has to be.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, DeliverPolicy, Info, pull};
use schemas::names;

/// Without a limit. What a replica has in flight is bounded by its places; what waits for another try (a locked record, a
/// dead-letter stream that is full) takes nothing but an entry of the server's, and must not keep the others waiting.
const MAX_ACK_PENDING: i64 = -1;
/// A message in flight cannot be kept in progress more often than this needs.
const SHORTEST_ACK_WAIT: Duration = Duration::from_secs(1);

/// What is not as it must be.
pub(crate) struct Wrong {
    pub(crate) found: String,
    next: Next,
}

enum Next {
    Setup,
    MakeAnew,
    Resume,
}

impl Wrong {
    pub(crate) fn todo(&self, sink: &str) -> String {
        match self.next {
            Next::Setup => format!("run `{sink} setup`"),
            Next::MakeAnew => format!(
                "that cannot be changed: `nats consumer rm {} {sink}`, then `{sink} setup`; what is written already is \
                 delivered again and stays as it is",
                names::SESSIONS_STREAM
            ),
            Next::Resume => format!("`nats consumer resume {} {sink}` ends that", names::SESSIONS_STREAM),
        }
    }
}

/// As `setup` makes it.
pub(crate) fn wanted(sink: &str, ack_wait: Duration) -> pull::Config {
    pull::Config {
        durable_name: Some(sink.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait,
        max_deliver: -1,
        max_ack_pending: MAX_ACK_PENDING,
        filter_subject: names::SESSIONS_SUBJECTS.to_owned(),
        ..pull::Config::default()
    }
}

/// Would messages be lost or settled unwritten, if they were taken from it?
pub(crate) fn unfit(config: &Config) -> Result<(), Wrong> {
    let wrong = |found: String, next| Err(Wrong { found, next });
    if config.ack_policy != AckPolicy::Explicit {
        let found =
            format!("has ack_policy {:?}, which settles messages that are not written", config.ack_policy);
        return wrong(found, Next::MakeAnew);
    }
    if config.deliver_policy != DeliverPolicy::All {
        let found = format!("has deliver_policy {:?}, which leaves messages out", config.deliver_policy);
        return wrong(found, Next::MakeAnew);
    }
    if config.max_deliver > 0 {
        let found =
            format!("has max_deliver {}, after which messages are dropped unwritten", config.max_deliver);
        return wrong(found, Next::Setup);
    }
    let filter = match config.filter_subjects.as_slice() {
        [] => config.filter_subject.as_str(),
        [filter] => filter.as_str(),
        _ => "of several subjects",
    };
    if filter != names::SESSIONS_SUBJECTS {
        return wrong(format!("has the filter {filter:?} and not {}", names::SESSIONS_SUBJECTS), Next::Setup);
    }
    if config.headers_only {
        return wrong("is headers_only: it gives messages without their bytes".to_owned(), Next::Setup);
    }
    if config.ack_wait < SHORTEST_ACK_WAIT {
        let found = format!(
            "has ack_wait {}, within which nothing is written",
            humantime::format_duration(config.ack_wait)
        );
        return wrong(found, Next::Setup);
    }
    Ok(())
}

/// Does it give nothing for a time?
pub(crate) fn paused(info: &Info) -> Result<(), Wrong> {
    if !info.paused {
        return Ok(());
    }
    let until = info.config.pause_until.map_or_else(String::new, |until| format!(" until {until}"));
    Err(Wrong { found: format!("is paused{until}"), next: Next::Resume })
}

/// Is anything of it otherwise than `setup` makes it?
pub(crate) fn changed(config: &Config, ack_wait: Duration) -> Result<(), Wrong> {
    let wrong = |found: String| Err(Wrong { found, next: Next::Setup });
    if config.max_ack_pending > 0 {
        return wrong(format!(
            "has max_ack_pending {}, so that a few messages can hold all",
            config.max_ack_pending
        ));
    }
    if config.ack_wait != ack_wait || !config.backoff.is_empty() {
        return wrong(format!(
            "has another ack_wait or backoff than {}",
            humantime::format_duration(ack_wait)
        ));
    }
    Ok(())
}
