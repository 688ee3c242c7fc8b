//! The events of the stream, read again by a command; the sink's own consumer is not touched.

use std::ops::RangeInclusive;

use anyhow::{Context as _, ensure};
use async_nats::jetstream;
use bytes::Bytes;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, Stream, TryStreamExt as _};
use schemas::names::{SESSIONS_STREAM, SESSIONS_SUBJECTS};
use schemas::{DecodeError, SessionEvent};
use service::{JetStream, Nats};
use tracing::warn;

use crate::day::day;
use crate::streams::stored_message::{StoredMessage, StoredMessages};
use crate::streams::unreadable::Extent;
use crate::writer::Message;

/// How far the clocks of agents may be ahead.
pub const CLOCKS_APART: TimeDelta = TimeDelta::hours(1);

/// Sessions by when they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Period {
    /// The first day (2026-11-01, yesterday, 8-days-ago; UTC) or moment (RFC 3339) in which sessions ended.
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

/// An event as it was published.
pub struct StoredEvent {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When the stream took it; none where that is not known.
    pub published: Option<DateTime<Utc>>,
    /// The bytes as they were published.
    pub payload: Bytes,
    /// What they say; an error where they are no session-end event.
    pub decoded: Result<SessionEvent, DecodeError>,
}

impl StoredEvent {
    /// What a writer takes.
    ///
    /// # Errors
    /// The message is no session-end event.
    pub fn into_message(self) -> Result<Message, DecodeError> {
        let Self { sequence, published, payload, decoded } = self;
        decoded.map(|event| Message { event, payload, attempt: 1, stream_sequence: sequence, published })
    }
}

/// Events that are asked for at a time; one may have a mebibyte and more.
const READS: usize = 16;
/// After so many sequences in a row that the stream does not have, it is asked for the next that it has.
const GAP: usize = 2 * READS;

/// The stream of events, as a command reads it.
pub struct Events {
    stream: jetstream::stream::Stream,
    messages: StoredMessages,
}

impl Events {
    /// # Errors
    /// NATS cannot be reached, or has no such stream.
    pub async fn connect(nats: &Nats, client_name: &str) -> anyhow::Result<Self> {
        Self::open(&nats.connect(client_name).await?).await
    }

    pub(crate) async fn open(jetstream: &JetStream) -> anyhow::Result<Self> {
        let subject = format!("$JS.API.STREAM.INFO.{SESSIONS_STREAM}");
        let stream = jetstream.unless_refused(&subject, jetstream.get_stream(SESSIONS_STREAM)).await?;
        let stream = stream.context("look up stream SESSIONS; where there is none, run setup")?;
        Ok(Self { stream, messages: StoredMessages::of(jetstream.clone(), SESSIONS_STREAM) })
    }

    /// When the oldest that the stream still has was published; none in an empty stream.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        let state = &self.stream.cached_info().state;
        (state.messages > 0).then_some(state.first_timestamp)
    }

    /// The event with this sequence.
    ///
    /// # Errors
    /// NATS cannot be reached, or the stream does not have it any more.
    pub async fn get(&self, sequence: u64) -> anyhow::Result<StoredEvent> {
        let message = self.messages.get(sequence).await?;
        message.map(stored).with_context(|| format!("the stream does not have event {sequence} any more"))
    }

    /// All that were published since, in order, up to the last that there is now.
    ///
    /// # Errors
    /// NATS cannot be reached, or refuses: this needs the right to read messages of the stream. So do the events.
    pub async fn published_since(
        &self,
        since: Option<DateTime<Utc>>,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<StoredEvent>> + use<>> {
        let first = match since {
            Some(since) => self.first_since(since).await?,
            None => 0,
        };
        Ok(self.read(first))
    }

    /// Where to begin. That there is none is believed only where the last one is older.
    async fn first_since(&self, since: DateTime<Utc>) -> anyhow::Result<u64> {
        if let Some(first) = self.messages.first_since(since, SESSIONS_SUBJECTS).await? {
            return Ok(first.sequence);
        }
        let last = self.stream.cached_info().state.last_sequence;
        if last == 0 {
            return Ok(0);
        }
        let message = self.messages.get(last).await?;
        let is_older = message.and_then(|last| last.published()).is_some_and(|published| published < since);
        Ok(if is_older { last.saturating_add(1) } else { 0 })
    }

    /// The events from the first one on that a sink has not settled: all that wait for it, and whatever it settled out of turn.
    ///
    /// # Errors
    /// The same as of [`Self::published_since`], or the sink has no consumer.
    pub async fn waiting_for(
        &self,
        sink: &str,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<StoredEvent>> + use<>> {
        let subject = format!("$JS.API.CONSUMER.INFO.{SESSIONS_STREAM}.{sink}");
        let jetstream = self.messages.jetstream();
        let info = jetstream.unless_refused(&subject, self.stream.consumer_info(sink)).await?;
        let info =
            info.with_context(|| format!("look up consumer {sink}; where there is none, run setup"))?;
        Ok(self.read(info.ack_floor.stream_sequence.saturating_add(1)))
    }

    /// From a sequence on up to the last that there is now; what is published meanwhile is not read. The end is where that last
    /// one was asked for, and the stream is still the same: no other end is one.
    fn read(&self, first: u64) -> impl Stream<Item = anyhow::Result<StoredEvent>> + use<> {
        let known = self.stream.cached_info();
        let state = &known.state;
        // A stream that never had a message begins at 0, which is no sequence.
        let first = first.max(state.first_sequence).max(1);
        let reading = Reading {
            created: known.created,
            messages: self.messages.clone(),
            first,
            next: Some(first),
            last: state.last_sequence,
            asked: FuturesOrdered::new(),
            missed: 0,
            not_read: Vec::new(),
            undecodable: 0,
        };
        futures::stream::try_unfold(reading, |mut reading| async move {
            let event = reading.next_event().await?;
            Ok(event.map(|event| (event, reading)))
        })
    }

    /// The events of sessions that ended in a period. An event is published after its session's end.
    ///
    /// # Errors
    /// The same as of [`Self::published_since`].
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

/// A sequence, and what the stream has there.
type Asked = (u64, Option<StoredMessage>);

/// How far a reader of the stream is.
struct Reading {
    /// When the stream was made.
    created: DateTime<Utc>,
    messages: StoredMessages,
    first: u64,
    /// The sequence that is asked for next; none where there is no further one.
    next: Option<u64>,
    last: u64,
    asked: FuturesOrdered<BoxFuture<'static, anyhow::Result<Asked>>>,
    /// Sequences in a row that the stream does not have.
    missed: usize,
    /// All of those, and what was not asked for, in order.
    not_read: Vec<RangeInclusive<u64>>,
    undecodable: u64,
}

impl Reading {
    async fn next_event(&mut self) -> anyhow::Result<Option<StoredEvent>> {
        loop {
            while self.missed < GAP
                && self.asked.len() < READS
                && let Some(sequence) = self.next.filter(|next| *next <= self.last)
            {
                self.next = sequence.checked_add(1);
                let messages = self.messages.clone();
                self.asked.push_back(async move { Ok((sequence, messages.get(sequence).await?)) }.boxed());
            }
            match self.asked.try_next().await? {
                Some((_, Some(message))) => {
                    self.missed = 0;
                    if is_event(&message.subject) {
                        let event = stored(message);
                        self.undecodable += u64::from(event.decoded.is_err());
                        return Ok(Some(event));
                    }
                }
                // Removed, or older than the stream keeps; the end finds out whether it is.
                Some((sequence, None)) => {
                    self.missed += 1;
                    self.not_read(sequence, sequence);
                }
                None if self.missed >= GAP => self.skip_gap().await?,
                None => return self.end().await.map(|()| None),
            }
        }
    }

    async fn skip_gap(&mut self) -> anyhow::Result<()> {
        self.missed = 0;
        if let Some(next) = self.next {
            let message = self.messages.next(next, SESSIONS_SUBJECTS).await?;
            self.next = message.map(|message| message.sequence);
            let before = self.next.map_or(self.last, |found| found - 1);
            if next <= before {
                self.not_read(next, before);
            }
        }
        Ok(())
    }

    fn not_read(&mut self, first: u64, last: u64) {
        match self.not_read.last_mut() {
            Some(range) if range.end().saturating_add(1) == first => *range = *range.start()..=last,
            _ => self.not_read.push(first..=last),
        }
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        let now = Extent::of(self.messages.jetstream(), SESSIONS_STREAM).await?;
        ensure!(
            now.created == self.created && now.state.last_seq >= self.last,
            "the stream was made anew while it was read: what was read is not all; run it again"
        );
        now.account_for(&self.messages, &self.not_read, Some(self.first)).await?;
        if self.undecodable > 0 {
            warn!(
                messages = self.undecodable,
                "among what was read are messages that are no session-end events"
            );
        }
        Ok(())
    }
}

fn is_event(subject: &str) -> bool {
    SESSIONS_SUBJECTS.strip_suffix('>').is_none_or(|prefix| subject.starts_with(prefix))
}

fn stored(message: StoredMessage) -> StoredEvent {
    let decoded = SessionEvent::decode(&message.payload, message.headers.message_id());
    let published = message.published();
    StoredEvent { sequence: message.sequence, published, payload: message.payload, decoded }
}

pub(crate) fn first_moment(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text, 0)
}

pub(crate) fn last_moment(text: &str) -> Result<DateTime<Utc>, String> {
    moment(text, 1)
}

/// A day begins `days` later.
fn moment(text: &str, days: u64) -> Result<DateTime<Utc>, String> {
    if let Ok(day) = day(text) {
        let day = day.checked_add_days(Days::new(days)).ok_or("there is no such day")?;
        return Ok(day.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    let time = DateTime::parse_from_rfc3339(text);
    time.map(|time| time.to_utc()).map_err(|_| {
        "wanted: a day such as 2026-11-01 or yesterday, or an RFC 3339 time such as 2026-11-01T12:00:00Z"
            .to_owned()
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
        assert!(first_moment("tomorrow").unwrap_err().contains("2026-11-01"));
    }

    #[test]
    fn the_days_of_a_period_are_those_that_it_touches() {
        let days = |from, to| period(from, to).days().map(|day| day.to_string()).collect::<Vec<_>>();
        assert_eq!(days("2026-10-31", "2026-11-01"), ["2026-10-31", "2026-11-01"]);
        assert_eq!(days("2026-11-01T23:00:00Z", "2026-11-02T00:00:00Z"), ["2026-11-01"]);
        assert!(days("2026-11-02", "2026-11-01T00:00:00Z").is_empty());
    }
}
