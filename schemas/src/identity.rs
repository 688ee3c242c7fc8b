//! Session and job ids, and the names that are made of them: message id, object key.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::names::archive_folder;

/// Longest escaped session id in a name. With the job id the last part of a key stays below 255 bytes: S3 takes longer ones,
/// but stores that keep objects in a file system do not.
const LONGEST_SESSION_ID: usize = 160;
/// Longest escaped job id in a name.
const LONGEST_JOB_ID: usize = 80;

/// Name of the room in which the session took place: any text but the empty one.
///
/// The name comes from outside, so it is data: only [`SessionIdentity`] turns it into a name, escaped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("minLength" = 1))]
pub struct SessionId(String);

/// A session id was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session id is empty")]
pub struct InvalidSessionId;

impl SessionId {
    /// The room's name as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SessionId {
    type Error = InvalidSessionId;

    fn try_from(text: String) -> Result<Self, InvalidSessionId> {
        if text.is_empty() { Err(InvalidSessionId) } else { Ok(Self(text)) }
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Who a session-end event is: one job in one room is one event, one message id, one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionIdentity {
    /// Name of the room.
    pub session_id: SessionId,
    /// LiveKit's job id, or what stands in its place (see [`crate::SessionEvent::decode`]).
    pub job_id: String,
}

impl SessionIdentity {
    /// `<session_id>-<job_id>`, both escaped, so that two identities never share one.
    ///
    /// Letters, digits, `.` and `_` stay; `-` stays in the session id only, so the last one separates. All other bytes,
    /// and a leading `.` or `_` (which query engines take for hidden files), become `!` and two hex digits. A part that
    /// is too long ends with `!!` and its SHA-256.
    pub fn stem(&self) -> String {
        let session_id = escape(self.session_id.as_str(), true);
        let job_id = escape(&self.job_id, false);
        let session_id = shorten(&session_id, self.session_id.as_str(), LONGEST_SESSION_ID);
        let job_id = shorten(&job_id, &self.job_id, LONGEST_JOB_ID);
        format!("{session_id}-{job_id}")
    }

    /// The event's `Nats-Msg-Id`.
    pub fn message_id(&self) -> String {
        self.stem()
    }

    /// Key of the archived object, each part of it below 255 bytes, in the UTC day of the session's end:
    /// `sessions/year=2025/month=10/day=29/<stem>.json.gz`.
    pub fn object_key(&self, end_time: &DateTime<Utc>) -> String {
        format!("{}{}.json.gz", archive_folder(end_time.date_naive()), self.stem())
    }
}

fn escape(text: &str, keep_dash: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || (index > 0 && matches!(byte, b'.' | b'_'))
            || (keep_dash && byte == b'-');
        if plain {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("!{byte:02X}"));
        }
    }
    escaped
}

fn shorten<'a>(escaped: &'a str, original: &str, longest: usize) -> Cow<'a, str> {
    if escaped.len() <= longest {
        return Cow::Borrowed(escaped);
    }
    let digest = hex(&Sha256::digest(original));
    Cow::Owned(format!("{}!!{digest}", &escaped[..longest - digest.len() - 2]))
}

/// Lower-case hex digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity(session_id: &str, job_id: &str) -> SessionIdentity {
        SessionIdentity {
            session_id: SessionId::try_from(session_id.to_owned()).unwrap(),
            job_id: job_id.to_owned(),
        }
    }

    fn key(session_id: &str, job_id: &str) -> String {
        let end_time = crate::timestamp::parse("2025-10-30T01:00:00+02:00").unwrap();
        identity(session_id, job_id).object_key(&end_time)
    }

    #[test]
    fn a_usual_identity_reads_as_it_is() {
        assert_eq!(
            identity("pandadoc_trial_1761_ab12", "AJ_x9").message_id(),
            "pandadoc_trial_1761_ab12-AJ_x9"
        );
        insta::assert_snapshot!(key("pandadoc_trial_1761_ab12", "AJ_x9"),
            @"sessions/year=2025/month=10/day=29/pandadoc_trial_1761_ab12-AJ_x9.json.gz");
    }

    #[test]
    fn hostile_ids_stay_in_their_folder() {
        insta::assert_snapshot!(key("../../x", "AJ_1"), @"sessions/year=2025/month=10/day=29/!2E.!2F..!2Fx-AJ_1.json.gz");
        insta::assert_snapshot!(key("_tmp/a b", "é\n"), @"sessions/year=2025/month=10/day=29/!5Ftmp!2Fa!20b-!C3!A9!0A.json.gz");
        assert!(key(&"ü".repeat(5_000), &"x/".repeat(5_000)).len() <= 290);
    }

    proptest! {
        #[test]
        fn identities_never_share_a_stem(
            a in ("[a-c./!_-]{1,6}", "[a-c./!_-]{0,6}"),
            b in ("[a-c./!_-]{1,6}", "[a-c./!_-]{0,6}"),
        ) {
            let same = identity(&a.0, &a.1).stem() == identity(&b.0, &b.1).stem();
            prop_assert_eq!(same, a == b);
        }

        #[test]
        fn long_identities_never_share_a_stem(a in "[ab/]{150,260}", b in "[ab/]{150,260}") {
            prop_assert_eq!(identity(&a, "AJ").stem() == identity(&b, "AJ").stem(), a == b);
        }

        #[test]
        fn a_key_is_safe_whatever_the_ids(session_id in "\\PC{1,900}|[\\x00-\\x7f]{1,900}", job_id in "\\PC{0,900}") {
            let key = key(&session_id, &job_id);
            let name = key.strip_prefix("sessions/year=2025/month=10/day=29/").unwrap();
            prop_assert!(name.len() <= 255);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-!".contains(&byte)));
            prop_assert!(!name.starts_with(['.', '_']));
        }
    }
}
