use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::identity::hex;
use crate::{Email, InvalidSessionId, SessionId, SessionIdentity, timestamp};

/// What every consumer needs to know of a session-end payload. The rest of the payload is not looked at, so that a field
/// of a shape that one consumer does not know never keeps another from its work.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionEvent {
    /// Who the event is.
    pub identity: SessionIdentity,
    /// When the session ended; the object's partition, and what orders the calls of one person.
    pub end_time: DateTime<Utc>,
    /// The visitor's address; `None` where it is missing, empty, or no address.
    pub email: Option<Email>,
    /// `discovered_signals.qualification_tier`, where it is a text.
    pub qualification_tier: Option<String>,
}

/// Why a payload is no session-end event. The messages hold positions and field names, never content.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, not an object, or a needed field is missing or of another type.
    #[error("the payload is not a session-end object: {0} at line {line}, column {column}", line = .1, column = .2)]
    Shape(&'static str, usize, usize),
    /// `session_id` is empty.
    #[error("session_id: {0}")]
    SessionId(#[from] InvalidSessionId),
    /// `end_time` is no RFC 3339 time with an offset.
    #[error("end_time: {0} (wanted: RFC 3339 with an offset, such as 2025-10-29T12:34:56Z)")]
    EndTime(chrono::ParseError),
}

#[derive(Deserialize)]
struct Fields {
    session_id: String,
    end_time: String,
    #[serde(default)]
    job_id: Value,
    #[serde(default)]
    user_email: Value,
    #[serde(default)]
    discovered_signals: Value,
}

impl SessionEvent {
    /// Decodes a payload. An event without `job_id` takes `message_id` (its `Nats-Msg-Id`) in its place, else the first
    /// 16 hex digits of the SHA-256 of its bytes.
    ///
    /// # Errors
    /// [`DecodeError`] where the payload has no identity or no end; it will not decode at another try.
    pub fn decode(payload: &[u8], message_id: Option<&str>) -> Result<Self, DecodeError> {
        // serde also reads a struct from an array, by position.
        if payload.trim_ascii_start().first() == Some(&b'[') {
            return Err(DecodeError::Shape("an array instead of an object", 1, 1));
        }
        let fields: Fields = serde_json::from_slice(payload).map_err(|error| shape(&error))?;
        let job_id = fields.job_id.as_str().or(message_id).filter(|id| !id.is_empty());
        let job_id = job_id.map_or_else(|| hex(&Sha256::digest(payload)[..8]), str::to_owned);
        Ok(Self {
            identity: SessionIdentity { session_id: SessionId::try_from(fields.session_id)?, job_id },
            end_time: timestamp::parse(&fields.end_time).map_err(DecodeError::EndTime)?,
            email: fields.user_email.as_str().and_then(Email::recorded),
            qualification_tier: fields.discovered_signals["qualification_tier"].as_str().map(str::to_owned),
        })
    }
}

/// serde_json's own messages can quote a value, so only the kind and the position are kept.
fn shape(error: &serde_json::Error) -> DecodeError {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Syntax => "not valid JSON",
        Category::Eof => "the JSON ends too early",
        Category::Data => "session_id or end_time is missing, given twice, or not a text",
        Category::Io => "it could not be read",
    };
    DecodeError::Shape(what, error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(payload: &str) -> Result<SessionEvent, DecodeError> {
        SessionEvent::decode(payload.as_bytes(), None)
    }

    #[test]
    fn an_event_without_job_id_takes_the_message_id_else_its_hash() {
        let payload = br#"{"session_id":"r","end_time":"2025-10-29T12:00:00Z"}"#;
        let with_message_id = SessionEvent::decode(payload, Some("m-1")).unwrap();
        assert_eq!(with_message_id.identity.job_id, "m-1");
        let bare = SessionEvent::decode(payload, None).unwrap();
        assert_eq!(bare.identity.job_id, hex(&Sha256::digest(payload))[..16]);
    }

    #[test]
    fn fields_of_unknown_shape_do_not_matter() {
        let event = decode(
            r#"{"session_id":"r","end_time":"2025-10-29T14:00:00+02:00","job_id":7,"user_email":["x"],
                "discovered_signals":[],"tool_calls":"none","new":{"a":1}}"#,
        )
        .unwrap();
        assert_eq!(timestamp::format(&event.end_time), "2025-10-29T12:00:00.000Z");
        assert_eq!((event.email, event.qualification_tier), (None, None));
    }

    #[test]
    fn errors_name_the_field_and_hold_no_content() {
        for (payload, message) in [
            (
                "{\"session_id\": secret",
                "the payload is not a session-end object: not valid JSON at line 1, column 16",
            ),
            (
                "[1,2]",
                "the payload is not a session-end object: an array instead of an object at line 1, column 1",
            ),
            ("", "the payload is not a session-end object: the JSON ends too early at line 1, column 0"),
            (r#"{"session_id":"","end_time":"2025-10-29T12:00:00Z"}"#, "session_id: the session id is empty"),
            (
                r#"{"session_id":"r","end_time":"2025-10-29T12:00:00"}"#,
                "end_time: premature end of input (wanted: RFC 3339 with an offset, such as 2025-10-29T12:34:56Z)",
            ),
        ] {
            assert_eq!(decode(payload).unwrap_err().to_string(), message);
        }
        let twice = r#"{"session_id":"secret@x.org","session_id":"r","end_time":"2025-10-29T12:00:00Z"}"#;
        assert!(!decode(twice).unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        let deep = format!(
            r#"{{"session_id":"r","end_time":"2025-10-29T12:00:00Z","user_email":{}1{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(decode(&deep).is_err());
    }

    proptest! {
        #[test]
        fn decoding_never_panics(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(SessionEvent::decode(&payload, None));
        }
    }
}
