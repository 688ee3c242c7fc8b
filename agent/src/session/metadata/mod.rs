//! Who calls, from the metadata of the participant or of the job: a JSON object in a text, of whatever quality.

use schemas::json::{Json, USUAL_DEPTH};
use schemas::names::metadata;
use schemas::{Email, timestamp};
use serde_json::{Map, Value};

/// LiveKit's limit for a participant's metadata, bytes.
const LONGEST_BYTES: usize = 64 * 1024;

/// What the participant's metadata says; empty where it says nothing usable.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Metadata {
    /// The address as typed, unverified, maybe none.
    pub(super) user_email: String,
    pub(super) user_metadata: Map<String, Value>,
}

/// Why the metadata, or the address in it, is not used. The session goes on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum MetadataFault {
    #[error("No participant metadata available")]
    Missing,
    #[error("Could not extract participant metadata: it is longer than 64 KiB")]
    TooLong,
    #[error("Could not extract participant metadata: it is not JSON")]
    NotJson,
    #[error("Could not extract participant metadata: it is not a JSON object")]
    NotAnObject,
    #[error("Could not extract the e-mail address from the participant metadata: it is not a text")]
    EmailNotAText,
}

/// Reads the metadata: a JSON object in a text.
pub(super) fn parse(text: &str) -> (Metadata, Option<MetadataFault>) {
    if text.is_empty() {
        return (Metadata::default(), Some(MetadataFault::Missing));
    }
    if text.len() > LONGEST_BYTES {
        return (Metadata::default(), Some(MetadataFault::TooLong));
    }
    let Ok(json) = Json::parse(text.as_bytes()) else {
        return (Metadata::default(), Some(MetadataFault::NotJson));
    };
    // As everybody can hold it who reads the payload.
    let Value::Object(user_metadata) = json.to_value(USUAL_DEPTH) else {
        return (Metadata::default(), Some(MetadataFault::NotAnObject));
    };
    let (user_email, fault) = match json.get(metadata::USER_EMAIL).map(Json::as_str) {
        // What no program can read as an address is kept as it is: a person may.
        Some(Some(text)) => {
            (Email::recorded(&text).map_or_else(|| text.to_string(), |email| email.as_str().to_owned()), None)
        }
        Some(None) => (String::new(), Some(MetadataFault::EmailNotAText)),
        None => (String::new(), None),
    };
    (Metadata { user_email, user_metadata }, fault)
}

impl Metadata {
    /// For logs: the address masked, the time, and whether there is more; no other content.
    pub(super) fn masked(&self) -> String {
        let email = masked_email(&self.user_email).unwrap_or_default();
        let mut shown = vec![format!("'{}': '{email}'", metadata::USER_EMAIL)];
        let start = self.user_metadata.get(metadata::SESSION_START).and_then(Value::as_str);
        if let Some(start) = start.and_then(|text| timestamp::parse(text).ok()) {
            shown.push(format!("'{}': '{}'", metadata::SESSION_START, timestamp::format(&start)));
        }
        let known = |key: &String| [metadata::USER_EMAIL, metadata::SESSION_START].contains(&key.as_str());
        if !self.user_metadata.keys().all(known) {
            shown.push("…".to_owned());
        }
        format!("{{{}}}", shown.join(", "))
    }
}

/// For logs; `None` for what is no address.
pub(super) fn masked_email(text: &str) -> Option<String> {
    Email::recorded(text).map(|email| email.masked().escape_debug().to_string())
}

#[cfg(test)]
mod tests;
