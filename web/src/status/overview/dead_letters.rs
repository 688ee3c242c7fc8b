//! What is shown of a dead letter: its headers. Its body is the caller's, and is not looked at.

use chrono::{DateTime, Utc};
use schemas::names::{DEAD_LETTERS_SUBJECTS, header};
use serde::Serialize;

use super::call::Event;
use super::text::shown;

const LONGEST_ERROR: usize = 240;
const LONGEST_SINK: usize = 60;

/// All that waits.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in crate::status) struct DeadLetters {
    /// How many each sink has, as the stream counts them; the sink with most of them first.
    pub(in crate::status) waiting: Vec<Waiting>,
    /// The oldest and the newest of each sink, and those since the oldest call that is shown; the newest first.
    pub(in crate::status) letters: Vec<DeadLetter>,
    /// Whether all letters are known that the calls that are shown may have.
    pub(in crate::status) is_complete: bool,
}

/// Dead letters of one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::status) struct Waiting {
    pub(in crate::status) sink: String,
    pub(in crate::status) count: u64,
}

/// A message that a sink could not write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::status) struct DeadLetter {
    /// In the stream of dead letters.
    pub(in crate::status) sequence: u64,
    pub(in crate::status) sink: String,
    pub(in crate::status) at: Option<DateTime<Utc>>,
    /// The first part of the error: what kind of error it is.
    pub(in crate::status) error_class: String,
    /// The rest of it.
    pub(in crate::status) error_detail: String,
    pub(in crate::status) deliveries: Option<u64>,
    /// In the stream of sessions.
    pub(in crate::status) of_sequence: Option<u64>,
    #[serde(skip)]
    pub(in crate::status) of_published: Option<DateTime<Utc>>,
}

impl DeadLetters {
    pub(in crate::status) fn count(&self) -> u64 {
        self.waiting.iter().map(|waiting| waiting.count).fold(0, u64::saturating_add)
    }
}

impl DeadLetter {
    /// Of its subject, which says whose it is, and its headers.
    pub(in crate::status) fn read(
        sequence: u64,
        subject: &str,
        at: Option<DateTime<Utc>>,
        headers: &Headers<'_>,
    ) -> Self {
        let error = headers.get(header::DEAD_LETTER_ERROR).unwrap_or_default();
        let (class, detail) = error.split_once(": ").unwrap_or((error, ""));
        let number = |name| headers.get(name)?.parse().ok();
        let published = headers.get(header::DEAD_LETTER_PUBLISHED);
        Self {
            sequence,
            sink: sink(subject),
            at,
            error_class: shown(class, LONGEST_ERROR),
            error_detail: shown(detail, LONGEST_ERROR),
            deliveries: number(header::DEAD_LETTER_DELIVERIES),
            of_sequence: number(header::DEAD_LETTER_STREAM_SEQUENCE),
            of_published: published.and_then(|text| text.parse().ok()),
        }
    }

    pub(in crate::status) fn is_of(&self, event: &Event) -> bool {
        self.of_sequence == Some(event.sequence) && self.of_published == event.published
    }

    #[cfg(test)]
    pub(in crate::status) fn example(sink: &str) -> Self {
        let (sink, error_class) = (sink.to_owned(), "the payload is not a session-end object".to_owned());
        Self {
            sequence: 1,
            sink,
            at: None,
            error_class,
            error_detail: String::new(),
            deliveries: None,
            of_sequence: None,
            of_published: None,
        }
    }
}

/// The sink that a subject is named after.
pub(in crate::status) fn sink(subject: &str) -> String {
    let prefix = DEAD_LETTERS_SUBJECTS.trim_end_matches('>');
    shown(subject.strip_prefix(prefix).unwrap_or(subject), LONGEST_SINK)
}

/// The headers of a stored message, a line each; what is no text among them is not read.
pub(in crate::status) struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    pub(in crate::status) fn of(stored: &'a [u8]) -> Self {
        Self(stored)
    }

    /// The first value of a name.
    pub(in crate::status) fn get(&self, name: &str) -> Option<&'a str> {
        let lines = self.0.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
        let mut pairs = lines.filter_map(|line| line.split_once(':'));
        let value = pairs.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))?;
        Some(value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_of_its_headers() {
        let stored = b"NATS/1.0\r\nX-Odd: \xff\r\nPostcall-Dead-Letter-Error: put object: 400: bad <key>\r\n\
            Postcall-Dead-Letter-Sink: another\r\nPostcall-Dead-Letter-Stream-Sequence: 7\r\n\
            postcall-dead-letter-published: 2026-11-01T12:00:00.000000001Z\r\nPostcall-Dead-Letter-Deliveries: 3\r\n\r\n";
        let letter = DeadLetter::read(4, "sessions.dead.sink-s3", None, &Headers::of(stored));
        assert_eq!(
            (letter.sink.as_str(), letter.of_sequence, letter.deliveries),
            ("sink-s3", Some(7), Some(3))
        );
        assert_eq!(
            (letter.error_class.as_str(), letter.error_detail.as_str()),
            ("put object", "400: bad <key>")
        );
        assert_eq!(letter.of_published, "2026-11-01T12:00:00.000000001Z".parse().ok());
    }

    #[test]
    fn a_letter_may_say_anything() {
        for stored in
            [&b""[..], b"\xff\xff", b"NATS/1.0\r\n:\r\nPostcall-Dead-Letter-Stream-Sequence: -1\r\n\r\n"]
        {
            let letter = DeadLetter::read(1, "sessions.dead.x", None, &Headers::of(stored));
            assert_eq!((letter.of_sequence, letter.error_class.as_str()), (None, ""));
        }
        let long = format!("NATS/1.0\r\nPostcall-Dead-Letter-Error: {0}: {0}\r\n\r\n", "e".repeat(9_000));
        let letter = DeadLetter::read(1, &"s".repeat(9_000), None, &Headers::of(long.as_bytes()));
        assert!(letter.error_class.len() + letter.error_detail.len() + letter.sink.len() < 600);
    }
}
