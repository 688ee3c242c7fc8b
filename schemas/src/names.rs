//! Names on the wire: subjects, streams, durable consumers, headers, metadata keys.

use chrono::{Datelike as _, NaiveDate};

/// Stream of the session-end events.
pub const SESSIONS_STREAM: &str = "SESSIONS";
/// Subjects that [`SESSIONS_STREAM`] holds.
pub const SESSIONS_SUBJECTS: &str = "sessions.ended.>";
/// Subject of a session-end event with payload version 1.
pub const SESSION_ENDED_V1: &str = "sessions.ended.v1";

/// Stream of the events that a sink could not write.
pub const DEAD_LETTERS_STREAM: &str = "SESSIONS_DLQ";
/// Subjects that [`DEAD_LETTERS_STREAM`] holds.
pub const DEAD_LETTERS_SUBJECTS: &str = "sessions.dead.>";

/// Subject of the dead letters of a sink. A sink has one name: that of its program and of its durable consumer.
pub fn dead_letter_subject(sink: &str) -> String {
    format!("sessions.dead.{sink}")
}

/// `Nats-Msg-Id` of a dead letter: one for each message and sink, however often it is moved. A stream that is made anew
/// counts from 1 again, so the sequence alone is not the message: `published` is when its stream took it, in nanoseconds,
/// and `digest` are hex digits of its bytes' SHA-256. `copy` is 1, or more where a letter with the same id is gone.
pub fn dead_letter_message_id(
    sink: &str,
    stream_sequence: u64,
    published: i64,
    digest: &str,
    copy: u32,
) -> String {
    let again = if copy > 1 { format!(":{copy}") } else { String::new() };
    format!("{sink}:{stream_sequence}:{published}:{digest}{again}")
}

/// Where the archive has the sessions that ended on a day (UTC): `sessions/year=2025/month=10/day=29/`.
pub fn archive_folder(day: NaiveDate) -> String {
    format!("sessions/year={:04}/month={:02}/day={:02}/", day.year(), day.month(), day.day())
}

/// Bytes that a dead letter's headers may add to the payload; publishers stay below the server's `max_payload` by it.
pub const DEAD_LETTER_HEADROOM_BYTES: usize = 64 * 1024;

/// Headers of session-end events and of dead letters.
pub mod header {
    /// JetStream's de-duplication id.
    pub const MESSAGE_ID: &str = "Nats-Msg-Id";
    /// Media type of the body.
    pub const CONTENT_TYPE: &str = "Content-Type";
    /// The trace to which the event belongs, as W3C's Trace Context has it; absent while its publisher's traces are off.
    pub const TRACE_PARENT: &str = "traceparent";

    /// Dead letter: why the message could not be written, in a sentence without any of its content.
    pub const DEAD_LETTER_ERROR: &str = "Postcall-Dead-Letter-Error";
    /// Dead letter: the sink that could not write it.
    pub const DEAD_LETTER_SINK: &str = "Postcall-Dead-Letter-Sink";
    /// Dead letter: sequence of the message in the stream it came from.
    pub const DEAD_LETTER_STREAM_SEQUENCE: &str = "Postcall-Dead-Letter-Stream-Sequence";
    /// Dead letter: subject that the message had.
    pub const DEAD_LETTER_SUBJECT: &str = "Postcall-Dead-Letter-Subject";
    /// Dead letter: when the stream took the message, RFC 3339.
    pub const DEAD_LETTER_PUBLISHED: &str = "Postcall-Dead-Letter-Published";
    /// Dead letter: how often the message had been delivered.
    pub const DEAD_LETTER_DELIVERIES: &str = "Postcall-Dead-Letter-Deliveries";
    /// Dead letter: all of the message's own headers, in base64, where they hold bytes that no header can be sent with.
    pub const DEAD_LETTER_HEADERS: &str = "Postcall-Dead-Letter-Headers";
    /// Dead letter that was too large as it was: its body is gzip of the message's own headers and then its body; this is
    /// how many bytes of that the headers are.
    pub const DEAD_LETTER_PACKED: &str = "Postcall-Dead-Letter-Packed";
    /// Dead letter that was too large even so: its body is only the beginning of the message's, which has so many bytes.
    /// The whole of it is in [`super::SESSIONS_STREAM`], for as long as that keeps it.
    pub const DEAD_LETTER_CUT: &str = "Postcall-Dead-Letter-Cut";
    /// Dead letter: prefix of the message's own headers that start with `Nats-`, which the server would obey, or with
    /// `Postcall-`, which are ours.
    pub const ORIGINAL_PREFIX: &str = "Postcall-Original-";
}

/// Keys of the participant's metadata, a JSON object in its token.
pub mod metadata {
    /// What the visitor typed; unverified.
    pub const USER_EMAIL: &str = "user_email";
    /// When the token was made, RFC 3339.
    pub const SESSION_START: &str = "session_start";
}
