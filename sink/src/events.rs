//! The events of the stream, read again by a command; the sink's own consumer is not touched.

use anyhow::{Context as _, ensure};
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{Consumer, DeliverPolicy, pull::OrderedConfig};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use futures::{Stream, TryStreamExt as _};
use schemas::names::{SESSIONS_STREAM, SESSIONS_SUBJECTS, header};
use schemas::{DecodeError, SessionEvent};

use crate::Message;
use service::Nats;

/// How far the clocks of agents may be ahead.
pub const CLOCKS_APART: TimeDelta = TimeDelta::hours(1);

/// Sessions by when they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Period {
    /// The first day (2026-11-01, UTC) or moment (RFC 3339) in which sessions ended.
    #[arg(long, value_parser = first_moment)]
    pub from: DateTime<Utc>,
    /// The last day, or the moment before which sessions ended.
    #[arg(long, value_parser = last_moment)]
    pub to: DateTime<Utc>,
}

impl Period {
    /// Whole days, the last one included.
    ///
    /// # Errors
    /// The last day is before the first.
    pub fn of_days(first: NaiveDate, last: NaiveDate) -> anyhow::Result<Self> {
        ensure!(first <= last, "--from {first} is after --to {last}");
        let midnight = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
        let after = last.checked_add_days(Days::new(1)).context("there is no day after --to")?;
        Ok(Self { from: midnight(first), to: midnight(after) })
    }

    /// Whether a session that ended then belongs to it.
    pub fn contains(&self, end_time: DateTime<Utc>) -> bool {
        (self.from..self.to).contains(&end_time)
    }

    /// Its days, whole or in part.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = (self.to - TimeDelta::nanoseconds(1)).date_naive();
        self.from.date_naive().iter_days().take_while(move |day| *day <= last)
    }
}

/// One event as it was published.
pub struct StoredEvent {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// The published bytes.
    pub payload: Bytes,
    /// What they say; an error where they are no session-end event.
    pub decoded: Result<SessionEvent, DecodeError>,
}

impl StoredEvent {
    /// What a writer takes.
    ///
    /// # Errors
    /// It is no session-end event.
    pub fn into_message(self) -> Result<Message, DecodeError> {
        let Self { sequence, payload, decoded } = self;
        decoded.map(|event| Message { event, payload, attempt: 1, stream_sequence: sequence })
    }
}

/// The stream of events, as a command reads it.
pub struct Events {
    stream: jetstream::stream::Stream,
}

impl Events {
    /// # Errors
    /// NATS cannot be reached, or has no such stream.
    pub async fn connect(nats: &Nats, client_name: &str) -> anyhow::Result<Self> {
        Self::open(&nats.connect(client_name).await?).await
    }

    pub(crate) async fn open(jetstream: &Context) -> anyhow::Result<Self> {
        let stream = jetstream.get_stream(SESSIONS_STREAM).await;
        Ok(Self { stream: stream.context("look up stream SESSIONS; where there is none, run setup")? })
    }

    /// When the oldest that the stream still has was published; none in an empty stream.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        let state = &self.stream.cached_info().state;
        (state.messages > 0).then_some(state.first_timestamp)
    }

    /// One, by its sequence.
    ///
    /// # Errors
    /// NATS cannot be reached, or the stream does not have it any more.
    pub async fn get(&self, sequence: u64) -> anyhow::Result<StoredEvent> {
        let message = self.stream.get_raw_message(sequence).await;
        let message = message.with_context(|| format!("read event {sequence}"))?;
        Ok(stored(sequence, Some(&message.headers), message.payload))
    }

    /// All that were published since, in order, up to the last that there is now.
    ///
    /// # Errors
    /// NATS cannot be reached, or refuses: this needs the right to create a consumer.
    pub async fn published_since(
        &self,
        since: Option<DateTime<Utc>>,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<StoredEvent>> + use<>> {
        self.read(match since {
            Some(start_time) => DeliverPolicy::ByStartTime { start_time },
            None => DeliverPolicy::All,
        })
        .await
    }

    /// Those from the first one on that a sink has not settled: all that wait for it, and whatever it settled out of turn.
    ///
    /// # Errors
    /// As [`Self::published_since`], or the sink has no consumer.
    pub async fn waiting_for(
        &self,
        sink: &str,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<StoredEvent>> + use<>> {
        let info = self.stream.consumer_info(sink).await;
        let info =
            info.with_context(|| format!("look up consumer {sink}; where there is none, run setup"))?;
        let start_sequence = info.ack_floor.stream_sequence + 1;
        self.read(DeliverPolicy::ByStartSequence { start_sequence }).await
    }

    async fn read(
        &self,
        deliver_policy: DeliverPolicy,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<StoredEvent>> + use<>> {
        let last = self.stream.cached_info().state.last_sequence;
        let config = OrderedConfig {
            deliver_policy,
            filter_subject: SESSIONS_SUBJECTS.to_owned(),
            ..OrderedConfig::default()
        };
        let consumer: Consumer<OrderedConfig> =
            self.stream.create_consumer(config).await.context("create a consumer to read the events with")?;
        let pending = consumer.cached_info().num_pending;
        let messages = consumer.messages().await.context("read the events")?;
        let events = messages.map_err(|error| anyhow::Error::new(error).context("read the events"));
        // What is published meanwhile is not read, and the end is not waited for.
        Ok(futures::stream::try_unfold((events, pending > 0), move |(mut events, more)| async move {
            if !more {
                return Ok(None);
            }
            let Some(message) = events.try_next().await? else { return Ok(None) };
            let info = message.info().map_err(|error| anyhow::anyhow!("read an event's place: {error}"))?;
            let (sequence, more) = (info.stream_sequence, info.pending > 0 && info.stream_sequence < last);
            Ok((sequence <= last).then(|| {
                (stored(sequence, message.headers.as_ref(), message.payload.clone()), (events, more))
            }))
        }))
    }

    /// Those of sessions that ended in a period. An event is published after its session's end.
    ///
    /// # Errors
    /// As [`Self::published_since`].
    pub async fn ended_in(
        &self,
        period: Period,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<StoredEvent>> + use<>> {
        let events = self.published_since(period.from.checked_sub_signed(CLOCKS_APART)).await?;
        Ok(events.try_filter(move |event| {
            let ended = event.decoded.as_ref().map(|event| event.end_time);
            std::future::ready(ended.is_ok_and(|end_time| period.contains(end_time)))
        }))
    }
}

fn stored(sequence: u64, headers: Option<&HeaderMap>, payload: Bytes) -> StoredEvent {
    let message_id = headers.and_then(|headers| headers.get(header::MESSAGE_ID));
    let decoded = SessionEvent::decode(&payload, message_id.map(|id| id.as_str()));
    StoredEvent { sequence, payload, decoded }
}

pub(crate) fn first_moment(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text, 0)
}

pub(crate) fn last_moment(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text, 1)
}

/// A day begins `days` later.
fn moment(text: &str, days: u64) -> Result<DateTime<Utc>, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        let day = day.checked_add_days(Days::new(days)).ok_or("there is no such day")?;
        return Ok(day.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    let time = DateTime::parse_from_rfc3339(text);
    time.map(|time| time.to_utc()).map_err(|_| {
        "wanted: a day such as 2026-11-01, or an RFC 3339 time such as 2026-11-01T12:00:00Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: &str, to: &str) -> Period {
        Period { from: first_moment(from).unwrap(), to: last_moment(to).unwrap() }
    }

    #[test]
    fn a_last_day_is_within_and_a_last_moment_is_not() {
        let end = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let days = period("2026-11-01", "2026-11-02");
        assert!(days.contains(end("2026-11-01T00:00:00Z")));
        assert!(days.contains(end("2026-11-02T23:59:59.999Z")));
        assert!(!days.contains(end("2026-11-03T00:00:00Z")));
        let hour = period("2026-11-01T12:00:00+01:00", "2026-11-01T12:00:00Z");
        assert!(hour.contains(end("2026-11-01T11:00:00Z")));
        assert!(!hour.contains(end("2026-11-01T12:00:00Z")));
        assert!(first_moment("yesterday").unwrap_err().contains("2026-11-01"));
    }

    #[test]
    fn the_days_of_a_period_are_those_that_it_touches() {
        let days = |from, to| period(from, to).days().map(|day| day.to_string()).collect::<Vec<_>>();
        assert_eq!(days("2026-10-31", "2026-11-01"), ["2026-10-31", "2026-11-01"]);
        assert_eq!(days("2026-11-01T23:00:00Z", "2026-11-02T00:00:00Z"), ["2026-11-01"]);
        assert!(days("2026-11-02", "2026-11-01T00:00:00Z").is_empty());
    }
}
