//! Payloads and addresses, as anybody may have written them: the fuzz targets in `fuzz/` call these with any bytes, the test
//! with those that they begin with.

use serde_json::Value;

use crate::json::{Json, USUAL_DEPTH};
use crate::{Email, SessionEnded, SessionEvent, encode_within};

/// Below this a payload is cut, so that most are.
const LIMIT: usize = 1_500;

/// A session-end payload, as every consumer reads it.
///
/// # Panics
/// When a name that is made of it is none, readers do not agree about it, or what is left of it cannot be read.
pub fn payload(bytes: &[u8]) {
    if let Ok(event) = SessionEvent::decode(bytes, Some("message")) {
        let key = event.identity.object_key(&event.end_time);
        assert_eq!(key.split('/').count(), 5, "{key}");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-!=".contains(&byte);
        let is_part =
            |part: &str| part.len() <= 255 && part.bytes().all(plain) && !part.starts_with(['.', '_']);
        assert!(key.split('/').all(is_part), "{key}");
        assert!(event.identity.message_id().len() <= 255);
    }
    if let Ok(json) = Json::parse(bytes) {
        let compact = json.compact();
        let again = Json::parse(compact.as_bytes()).expect("read what was read once");
        let value = json.to_value(USUAL_DEPTH);
        assert_eq!(again.to_value(USUAL_DEPTH), value);
        serde_json::from_str::<Value>(&value.to_string()).expect("every reader can hold it");
    }
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let json = Json::parse(bytes).expect("another reader takes it");
        assert!(depth(&value) > USUAL_DEPTH || same(&json.to_value(USUAL_DEPTH), &value));
    }
    // What the agent writes is of its own clock, and of no year that has more than four digits in UTC.
    let is_of_our_time = !bytes.windows(5).any(|start| start == b"9999-" || start == b"0000-");
    if let Ok(session) = serde_json::from_slice::<SessionEnded>(bytes)
        && is_of_our_time
    {
        let encoded = encode_within(session.clone(), LIMIT);
        let left: SessionEnded = serde_json::from_slice(&encoded).expect("read what was cut");
        assert_eq!(left.session_id, session.session_id);
        let has_more = left.transcript.as_ref().is_some_and(|entries| !entries.is_empty())
            || !left.tool_calls.is_empty()
            || !left.user_metadata.is_empty();
        assert!(encoded.len() <= LIMIT || !has_more, "{} bytes", encoded.len());
    }
}

/// What somebody typed for an address, or what a record has for one.
///
/// # Panics
/// When the one form of an address has another one, or is none.
pub fn email(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(email) = Email::try_from(&*text) {
        let address = email.as_str();
        assert!(address.len() <= 254 && !address.contains(char::is_control), "{address:?}");
        let domain = address.rsplit('@').next().unwrap_or_default();
        assert!(domain.is_ascii() && !domain.bytes().any(|byte| byte.is_ascii_uppercase()), "{address:?}");
        assert_eq!(Email::try_from(address).as_ref(), Ok(&email), "{address:?}");
        assert_eq!(Email::recorded(&text).as_ref(), Some(&email), "{address:?}");
    }
    if let Some(email) = Email::recorded(&text) {
        assert!(!email.as_str().contains(char::is_control));
        assert_eq!(Email::recorded(email.as_str()).as_ref(), Some(&email), "{:?}", email.as_str());
        assert!(!email.masked().contains(char::is_control));
        drop(email.normalized_in_unicode());
    }
}

/// The same value; numbers with a fraction may differ in their last digit.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let [Some(one), Some(other)] = [one, other].map(serde_json::Number::as_f64) else { return false };
            (one - other).abs() <= one.abs() * 1e-12
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_same =
                |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(is_same)
        }
        (one, other) => one == other,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_does_harm() {
        fuzz_seeds::feed(&[("payload", payload), ("email", email)]);
    }
}
