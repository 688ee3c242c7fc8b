//! What waits in the streams, for whoever watches the sink: since when the oldest message is not settled, and how many dead
//! letters nobody has looked at.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream;
use async_nats::jetstream::consumer::Info;
use chrono::{DateTime, Utc};
use prometheus::IntGauge;
use schemas::names;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use tracing::debug;

use crate::streams::link::Link;
use crate::streams::stored_message::StoredMessages;

/// After a request that got no answer, or that this user may not make, there is none for so long.
const PAUSE: Duration = Duration::from_secs(60);

/// Looks into the streams by two requests at most each time, and by none for a message that it knows.
pub(crate) struct Backlog {
    sink: &'static str,
    link: Link,
    oldest_seconds: IntGauge,
    dead_letters: IntGauge,
    oldest: Option<Oldest>,
    not_before: Option<Instant>,
}

/// The oldest message that is not settled.
#[derive(Clone, Copy)]
struct Oldest {
    /// When its consumer was made, and up to which sequence all is settled: while both stay, it is the same message.
    floor: (DateTime<Utc>, u64),
    /// When the stream took it.
    taken: DateTime<Utc>,
}

impl Backlog {
    pub(crate) fn new(
        sink: &'static str,
        link: Link,
        oldest_seconds: IntGauge,
        dead_letters: IntGauge,
    ) -> Self {
        Self { sink, link, oldest_seconds, dead_letters, oldest: None, not_before: None }
    }

    /// Shows what there is now. What cannot be looked at stays as it was shown last.
    pub(crate) async fn show(&mut self, consumer: &Info) {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return;
        }
        self.not_before = None;
        if let Err(error) = self.look(consumer).await {
            debug!("what waits in the streams is not known: {error:#}");
            self.not_before = Some(Instant::now() + PAUSE);
        }
    }

    async fn look(&mut self, consumer: &Info) -> anyhow::Result<()> {
        self.oldest = self.oldest_unsettled(consumer).await?;
        let age = self.oldest.map(|oldest| (Utc::now() - oldest.taken).num_seconds().max(0));
        self.oldest_seconds.set(age.unwrap_or_default());
        self.dead_letters.set(self.dead_letters_stored().await?);
        Ok(())
    }

    async fn oldest_unsettled(&self, consumer: &Info) -> anyhow::Result<Option<Oldest>> {
        if consumer.num_pending == 0 && consumer.num_ack_pending == 0 {
            return Ok(None);
        }
        let settled = consumer.ack_floor.stream_sequence;
        let floor = (consumer.created, settled);
        if let Some(known) = self.oldest.filter(|known| known.floor == floor) {
            return Ok(Some(known));
        }
        let messages = StoredMessages::of(self.link.jetstream(), names::SESSIONS_STREAM).tried_once();
        let oldest = messages.next(settled + 1, names::SESSIONS_SUBJECTS).await?;
        Ok(oldest.and_then(|message| Some(Oldest { floor, taken: message.published()? })))
    }

    async fn dead_letters_stored(&self) -> anyhow::Result<i64> {
        #[derive(Deserialize)]
        struct Answer {
            error: Option<jetstream::Error>,
            state: Option<State>,
        }
        #[derive(Deserialize)]
        struct State {
            #[serde(default)]
            subjects: Option<HashMap<String, i64>>,
        }
        let (jetstream, stream) = (self.link.jetstream(), names::DEAD_LETTERS_STREAM);
        let subject = names::dead_letter_subject(self.sink);
        let asked = json!({ "subjects_filter": subject });
        let asked = jetstream.request(format!("STREAM.INFO.{stream}"), &asked);
        let answer = jetstream.unless_refused(&format!("$JS.API.STREAM.INFO.{stream}"), asked).await?;
        let Answer { error, state } = answer.context("look up the dead-letter stream")?;
        if let Some(error) = error {
            return Err(error).context("look up the dead-letter stream");
        }
        let subjects = state.and_then(|state| state.subjects).unwrap_or_default();
        Ok(subjects.get(&subject).copied().unwrap_or_default())
    }
}
