//! How far a sink is, and what became of one message at it.
//!
//! Nobody keeps a list of what was written. It follows from what holds of every sink: a message is acknowledged only after its
//! write is durable, or once it is a dead letter. So a message at or below the consumer's ack floor is written, unless a dead
//! letter names it by its sequence and the time at which the stream took it; one beyond what was delivered waits. Of those
//! between, some are acknowledged out of turn, and the server does not say which: where as many are open as there are, all of
//! them wait, and else it is not known yet. What this cannot tell: a dead letter that somebody dropped leaves a message that
//! looks written, and whether a record was found in Salesforce stands in no stream, only in the sink's counts by outcome.

use serde::{Deserialize, Serialize};

use super::call::{Call, Event};
use super::dead_letters::DeadLetter;

/// Name of the sink that archives: of its program, its durable consumer, and its dead letters.
pub(in crate::status) const ARCHIVE: &str = "sink-s3";
/// Name of the sink that updates Leads and Contacts.
pub(in crate::status) const SALESFORCE: &str = "sink-salesforce";

/// Where a durable consumer is in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(in crate::status) struct Progress {
    /// All up to here are settled.
    pub(in crate::status) ack_floor: Sequence,
    /// The furthest that was delivered.
    pub(in crate::status) delivered: Sequence,
    /// Delivered, and not settled.
    pub(in crate::status) num_ack_pending: u64,
    /// Not delivered yet.
    pub(in crate::status) num_pending: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(in crate::status) struct Sequence {
    pub(in crate::status) stream_seq: u64,
}

impl Progress {
    /// Messages that the sink has not settled.
    pub(in crate::status) fn waiting(&self) -> u64 {
        self.num_ack_pending.saturating_add(self.num_pending)
    }
}

/// What became of a message at a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::status) enum Standing {
    /// The store has it.
    Written,
    /// There was nothing to do: the visitor left no address.
    NoAddress,
    /// It is the sink's turn.
    Waiting,
    /// It was delivered; whether it is written is known when all before it are settled.
    UnderWay,
    /// The sink could not write it.
    DeadLetter,
    /// The sink has no consumer: it was never set up.
    NoSink,
    /// NATS did not say.
    Unknown,
}

impl Standing {
    /// `progress` is none where there is no consumer, and an error where that is not known.
    pub(in crate::status) fn of<E>(
        event: &Event,
        sink: &str,
        progress: Result<Option<&Progress>, E>,
        letters: &[DeadLetter],
    ) -> Self {
        if letters.iter().any(|letter| letter.sink == sink && letter.is_of(event)) {
            return Self::DeadLetter;
        }
        let progress = match progress {
            Ok(Some(progress)) => progress,
            Ok(None) => return Self::NoSink,
            Err(_) => return Self::Unknown,
        };
        let (floor, delivered) = (progress.ack_floor.stream_seq, progress.delivered.stream_seq);
        if event.sequence > delivered {
            return Self::Waiting;
        }
        if event.sequence > floor && progress.num_ack_pending > 0 {
            let all_wait = progress.num_ack_pending >= delivered.saturating_sub(floor);
            return if all_wait { Self::Waiting } else { Self::UnderWay };
        }
        let is_anonymous = event.content.as_ref().is_ok_and(|call: &Call| call.is_anonymous);
        if sink == SALESFORCE && is_anonymous { Self::NoAddress } else { Self::Written }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sequence: u64) -> Event {
        let payload =
            br#"{"session_id":"r","job_id":"j","end_time":"2026-11-01T12:00:00Z","user_email":"a@x.org"}"#;
        Event::read(sequence, "2026-11-01T12:00:01Z".parse().ok(), payload, None)
    }

    fn progress(floor: u64, delivered: u64, open: u64) -> Progress {
        let [ack_floor, delivered] = [floor, delivered].map(|stream_seq| Sequence { stream_seq });
        Progress { ack_floor, delivered, num_ack_pending: open, num_pending: 0 }
    }

    fn letter(sink: &str, sequence: u64, published: &str) -> DeadLetter {
        DeadLetter {
            of_sequence: Some(sequence),
            of_published: published.parse().ok(),
            ..DeadLetter::example(sink)
        }
    }

    fn of(sequence: u64, progress: &Progress) -> Standing {
        Standing::of::<()>(&event(sequence), ARCHIVE, Ok(Some(progress)), &[])
    }

    #[test]
    fn a_message_is_written_once_all_up_to_it_are_settled() {
        let at = progress(10, 14, 2);
        assert_eq!(
            [9, 10, 11, 14, 15].map(|sequence| of(sequence, &at)),
            [Standing::Written, Standing::Written, Standing::UnderWay, Standing::UnderWay, Standing::Waiting]
        );
        let all_open = progress(10, 14, 4);
        assert_eq!(of(12, &all_open), Standing::Waiting);
        // The floor follows a moment later.
        assert_eq!(of(14, &progress(10, 14, 0)), Standing::Written);
        assert_eq!(of(1, &progress(0, 0, 0)), Standing::Waiting);
    }

    #[test]
    fn a_dead_letter_names_its_message_by_sequence_and_time() {
        let at = progress(10, 10, 0);
        for (letter, standing) in [
            (letter(ARCHIVE, 7, "2026-11-01T12:00:01Z"), Standing::DeadLetter),
            (letter(SALESFORCE, 7, "2026-11-01T12:00:01Z"), Standing::Written),
            (letter(ARCHIVE, 8, "2026-11-01T12:00:01Z"), Standing::Written),
            // The stream was made anew since.
            (letter(ARCHIVE, 7, "2025-11-01T12:00:01Z"), Standing::Written),
        ] {
            let found = Standing::of::<()>(&event(7), ARCHIVE, Ok(Some(&at)), &[letter]);
            assert_eq!(found, standing);
        }
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        assert_eq!(Standing::of::<()>(&event(1), ARCHIVE, Ok(None), &[]), Standing::NoSink);
        assert_eq!(Standing::of(&event(1), ARCHIVE, Err(()), &[]), Standing::Unknown);
    }

    #[test]
    fn without_an_address_there_is_nothing_to_do_in_salesforce() {
        let payload = br#"{"session_id":"r","job_id":"j","end_time":"2026-11-01T12:00:00Z","user_email":""}"#;
        let event = Event::read(3, None, payload, None);
        let (done, open) = (progress(3, 3, 0), progress(2, 2, 0));
        let of = |sink, at| Standing::of::<()>(&event, sink, Ok(Some(at)), &[]);
        assert_eq!(of(SALESFORCE, &done), Standing::NoAddress);
        assert_eq!(of(SALESFORCE, &open), Standing::Waiting);
        assert_eq!(of(ARCHIVE, &done), Standing::Written);
    }
}
