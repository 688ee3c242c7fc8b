//! A session-end event as a consumer reads it.

use std::borrow::Cow;

use chrono::{DateTime, Datelike as _, Utc};
use sha2::{Digest, Sha256};

use crate::identity::hex;
use crate::json::{InvalidJson, Json};
use crate::{Email, InvalidEmail, InvalidSessionId, SessionId, SessionIdentity, timestamp};

/// What every consumer needs to know of a session-end payload. The rest of the payload is not looked at, so that a field
/// of a shape that one consumer does not know never keeps another from its work.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionEvent {
    /// Who the event is.
    pub identity: SessionIdentity,
    /// When the session ended; the object's partition, and what orders the calls of one person.
    pub end_time: DateTime<Utc>,
    /// The visitor's address, `user_email`.
    pub email: RecordedEmail,
    /// `discovered_signals.qualification_tier`, where it is a text.
    pub qualification_tier: Option<String>,
}

/// The address that a payload has. One that cannot be read is not taken for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedEmail {
    /// None was given: the field is missing or null, or a text in which nothing can be seen.
    Absent,
    /// One that mail may reach.
    Address(Email),
    /// Something was given, and it is not one address.
    Unreadable(UnreadableEmail),
}

/// Why `user_email` is not one address, though something was given. The messages do not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEmail {
    /// A number, a list, or the like.
    #[error("user_email is not a text")]
    NotText,
    /// A text that is no address, or more than one.
    #[error("user_email is not one e-mail address ({})", .0.code())]
    Invalid(#[from] InvalidEmail),
}

/// Why a payload is no session-end event. The messages hold positions and field names, never content.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not UTF-8, or not JSON.
    #[error("the payload is not a session-end object: {0}")]
    Json(#[from] InvalidJson),
    /// Another JSON value, such as an array.
    #[error("the payload is not a session-end object: {0} instead of an object at line 1, column 1")]
    NotAnObject(&'static str),
    /// Who it is, or when it ended, is not said or not clear.
    #[error("the payload is not a session-end object: {field} {what}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// `session_id` is empty.
    #[error("session_id: {0}")]
    SessionId(#[from] InvalidSessionId),
    /// `end_time` is no RFC 3339 time with an offset.
    #[error("end_time: {0} (wanted: RFC 3339 with an offset, such as 2025-10-29T12:34:56Z)")]
    EndTime(chrono::ParseError),
    /// Its day in UTC has no name of four digits.
    #[error("end_time: its year in UTC is not within 0000 to 9999")]
    Year,
}

/// The fields that matter, wherever they stand. Of one that is given twice the last one counts.
#[derive(Default)]
struct Fields<'a> {
    session_id: Option<Json<'a>>,
    end_time: Option<Json<'a>>,
    job_id: Option<Json<'a>>,
    user_email: Option<Json<'a>>,
    discovered_signals: Option<Json<'a>>,
}

impl SessionEvent {
    /// Decodes a payload. An event without `job_id` takes `message_id` (its `Nats-Msg-Id`) in its place, else the first
    /// 16 hex digits of the SHA-256 of its bytes.
    ///
    /// # Errors
    /// [`DecodeError`] where the payload has no identity or no end; it will not decode at another try.
    pub fn decode(payload: &[u8], message_id: Option<&str>) -> Result<Self, DecodeError> {
        let fields = Fields::of(Json::parse(payload)?)?;
        let (session_id, end_time) =
            (text("session_id", fields.session_id)?, text("end_time", fields.end_time)?);
        let job_id = fields.job_id.and_then(Json::as_str).or(message_id.map(Cow::Borrowed));
        let job_id = job_id.filter(|id| !id.is_empty());
        let job_id = job_id.map_or_else(|| hex(&Sha256::digest(payload)[..8]), Cow::into_owned);
        let session_id = SessionId::try_from(session_id.into_owned())?;
        let end_time = timestamp::parse(&end_time).map_err(DecodeError::EndTime)?;
        if !(0..=9999).contains(&end_time.year()) {
            return Err(DecodeError::Year);
        }
        let tier = fields.discovered_signals.and_then(|signals| signals.get("qualification_tier")?.as_str());
        Ok(Self {
            identity: SessionIdentity { session_id, job_id },
            end_time,
            email: RecordedEmail::of(fields.user_email),
            qualification_tier: tier.map(Cow::into_owned),
        })
    }
}

impl RecordedEmail {
    fn of(value: Option<Json<'_>>) -> Self {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Self::Absent };
        let Some(text) = value.as_str() else { return Self::Unreadable(UnreadableEmail::NotText) };
        match Email::try_from(&*text) {
            Ok(email) => Self::Address(email),
            Err(InvalidEmail::Empty) => Self::Absent,
            Err(invalid) => Email::recorded(&text).map_or(Self::Unreadable(invalid.into()), Self::Address),
        }
    }

    /// The address, where there is one.
    pub fn address(&self) -> Option<&Email> {
        if let Self::Address(email) = self { Some(email) } else { None }
    }
}

impl<'a> Fields<'a> {
    fn of(payload: Json<'a>) -> Result<Self, DecodeError> {
        if !payload.is_object() {
            return Err(DecodeError::NotAnObject(if payload.is_array() {
                "an array"
            } else {
                "a single value"
            }));
        }
        let mut fields = Self::default();
        for (name, value) in payload.entries() {
            match &*name {
                "session_id" => once("session_id", &mut fields.session_id, value)?,
                "end_time" => once("end_time", &mut fields.end_time, value)?,
                "job_id" => once("job_id", &mut fields.job_id, value)?,
                "user_email" => fields.user_email = Some(value),
                "discovered_signals" => fields.discovered_signals = Some(value),
                _ => {}
            }
        }
        Ok(fields)
    }
}

/// Two readers of a payload could take it for two events otherwise.
fn once<'a>(field: &'static str, place: &mut Option<Json<'a>>, value: Json<'a>) -> Result<(), DecodeError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::Field { field, what: "is given twice" }),
    }
}

fn text<'a>(field: &'static str, value: Option<Json<'a>>) -> Result<Cow<'a, str>, DecodeError> {
    let value = value.ok_or(DecodeError::Field { field, what: "is missing" })?;
    value.as_str().ok_or(DecodeError::Field { field, what: "is not a text" })
}

#[cfg(test)]
mod tests;
