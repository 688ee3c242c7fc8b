//! What the status page shows, made of what was read: no IO, and no clock. `/status.json` is this, as it stands here.

pub(super) mod call;
pub(super) mod dead_letters;
pub(super) mod metrics;
pub(super) mod progress;
pub(super) mod text;

use chrono::{DateTime, Utc};
use serde::Serialize;

use call::{Call, Event};
use dead_letters::DeadLetters;
use metrics::Counts;
use progress::{ARCHIVE, Progress, SALESFORCE, Standing};

/// All of it, at one moment.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Overview {
    pub(super) taken_at: DateTime<Utc>,
    /// Calls that go on, of all agents whose metrics were read; absent where there are none.
    pub(super) live_calls: Option<u64>,
    pub(super) calls: Part<Calls>,
    pub(super) sinks: Vec<Sink>,
    pub(super) dead_letters: Part<DeadLetters>,
    pub(super) programs: Vec<Program>,
}

/// What was read, or why it was not: one part that is away takes no other with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Part<T> {
    Read(T),
    Away(Away),
}

/// Something that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Away {
    pub(super) not_reachable_since: DateTime<Utc>,
    pub(super) why: String,
}

/// The last calls of the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Calls {
    /// Messages that the stream has.
    pub(super) in_stream: u64,
    /// The newest first.
    pub(super) last: Vec<Row>,
}

/// One message of the stream of sessions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) sequence: u64,
    pub(super) published_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    pub(super) content: Content,
    pub(super) archive: Standing,
    pub(super) salesforce: Standing,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    Call(Box<Call>),
    /// It is no session-end event; why.
    Unreadable(String),
}

/// A sink's consumer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sink {
    pub(super) name: &'static str,
    /// None within where the sink was never set up.
    pub(super) progress: Part<Option<Progress>>,
}

/// A program whose metrics are read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) counts: Part<Counts>,
}

/// The stream's last messages, as they were read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LastEvents {
    pub(super) in_stream: u64,
    /// The newest first.
    pub(super) events: Vec<Event>,
}

/// All that was read.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) events: Part<LastEvents>,
    pub(super) archive: Part<Option<Progress>>,
    pub(super) salesforce: Part<Option<Progress>>,
    pub(super) dead_letters: Part<DeadLetters>,
    pub(super) programs: Vec<Program>,
}

impl<T> Part<T> {
    pub(super) fn read(&self) -> Result<&T, &Away> {
        match self {
            Self::Read(part) => Ok(part),
            Self::Away(away) => Err(away),
        }
    }

    fn map<U>(self, change: impl FnOnce(T) -> U) -> Part<U> {
        match self {
            Self::Read(part) => Part::Read(change(part)),
            Self::Away(away) => Part::Away(away),
        }
    }
}

impl Overview {
    pub(super) fn of(read: Read, taken_at: DateTime<Utc>) -> Self {
        let Read { events, archive, salesforce, dead_letters, programs } = read;
        let known_letters = dead_letters.read();
        let standing = |event: &Event, sink, progress: &Part<Option<Progress>>| {
            let progress = progress.read().map(Option::as_ref);
            match &known_letters {
                Ok(letters) => Standing::of(event, sink, progress, &letters.letters),
                // What looks written might be a dead letter.
                Err(_) => match Standing::of(event, sink, progress, &[]) {
                    Standing::Written | Standing::NoAddress => Standing::Unknown,
                    standing => standing,
                },
            }
        };
        let row = |event: Event| Row {
            archive: standing(&event, ARCHIVE, &archive),
            salesforce: standing(&event, SALESFORCE, &salesforce),
            sequence: event.sequence,
            published_at: event.published,
            content: match event.content {
                Ok(call) => Content::Call(Box::new(call)),
                Err(why) => Content::Unreadable(why),
            },
        };
        let calls = events.map(|LastEvents { in_stream, events }| Calls {
            in_stream,
            last: events.into_iter().map(row).collect(),
        });
        let live = programs.iter().filter_map(|program| program.counts.read().ok()?.live_calls);
        let live_calls = live.reduce(u64::saturating_add);
        let sinks =
            vec![Sink { name: ARCHIVE, progress: archive }, Sink { name: SALESFORCE, progress: salesforce }];
        Self { taken_at, live_calls, calls, sinks, dead_letters, programs }
    }
}

#[cfg(test)]
mod tests;
