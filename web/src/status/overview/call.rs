//! What is shown of one session-end event: when, how long, with whom, how it ended. Nothing of what was said.

use chrono::{DateTime, TimeDelta, Utc};
use schemas::json::Json;
use schemas::{RecordedEmail, SessionEvent, timestamp};
use serde::Serialize;

use super::text::shown;

const LONGEST_ID: usize = 80;
const LONGEST_WORD: usize = 60;
const LONGEST_ADDRESS: usize = 80;
/// Longer than any call; what a payload says beyond that is no length.
const LONGEST_CALL_SECONDS: f64 = 1e7;

/// A message of the stream of sessions.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::status) struct Event {
    pub(in crate::status) sequence: u64,
    /// When the stream took it; with its sequence it is the message.
    pub(in crate::status) published: Option<DateTime<Utc>>,
    pub(in crate::status) content: Result<Call, String>,
}

/// A call that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::status) struct Call {
    pub(in crate::status) session_id: String,
    pub(in crate::status) started_at: Option<DateTime<Utc>>,
    pub(in crate::status) ended_at: DateTime<Utc>,
    pub(in crate::status) duration_seconds: Option<f64>,
    /// Masked; absent where there is no address that can be read.
    pub(in crate::status) email: Option<String>,
    /// Whether the visitor gave none, so that no record can be looked for.
    #[serde(skip)]
    pub(in crate::status) is_anonymous: bool,
    pub(in crate::status) tier: Option<String>,
    pub(in crate::status) end_reason: Option<String>,
    /// The key of its object in the archive.
    pub(in crate::status) archive_key: String,
}

impl Event {
    /// Reads a stored message; the error of one that is no session-end event holds nothing of it.
    pub(in crate::status) fn read(
        sequence: u64,
        published: Option<DateTime<Utc>>,
        payload: &[u8],
        message_id: Option<&str>,
    ) -> Self {
        let event = SessionEvent::decode(payload, message_id);
        let content = match (event, Json::parse(payload)) {
            (Ok(event), Ok(payload)) => Ok(Call::of(&event, payload)),
            (Err(error), _) => Err(error.to_string()),
            (_, Err(error)) => Err(error.to_string()),
        };
        Self { sequence, published, content }
    }
}

impl Call {
    fn of(event: &SessionEvent, payload: Json<'_>) -> Self {
        let text = |name: &str| payload.get(name)?.as_str();
        let ended_at = event.end_time;
        let said = payload.get("duration_seconds").and_then(Json::as_f64);
        let started_at = text("start_time").and_then(|text| timestamp::parse(&text).ok());
        let started_at = started_at.or_else(|| ended_at.checked_sub_signed(seconds(said?)?));
        let measured = || started_at.map(|start| (ended_at - start).as_seconds_f64());
        let word = |text: &str| Some(shown(text, LONGEST_WORD)).filter(|text| !text.is_empty());
        Self {
            session_id: shown(event.identity.session_id.as_str(), LONGEST_ID),
            started_at,
            ended_at,
            duration_seconds: said.or_else(measured).filter(|length| seconds(*length).is_some()),
            email: event.email.address().map(|email| shown(&email.masked(), LONGEST_ADDRESS)),
            is_anonymous: event.email == RecordedEmail::Absent,
            tier: event.qualification_tier.as_deref().and_then(word),
            end_reason: text("end_reason").and_then(|reason| word(&reason)),
            archive_key: event.identity.object_key(&ended_at),
        }
    }
}

fn seconds(length: f64) -> Option<TimeDelta> {
    let is_a_length = (0.0..=LONGEST_CALL_SECONDS).contains(&length);
    is_a_length.then(|| TimeDelta::milliseconds((length * 1_000.0) as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call(change: impl FnOnce(&mut Value)) -> Call {
        let mut payload = json!({
            "session_id": "room_1", "job_id": "AJ_1", "user_email": "test@company.com",
            "start_time": "2026-11-01T11:58:00Z", "end_time": "2026-11-01T12:00:00Z", "duration_seconds": 120.5,
            "discovered_signals": { "qualification_tier": "hot" }, "end_reason": "participant_left",
            "transcript": [{ "role": "user", "text": "my secret" }],
        });
        change(&mut payload);
        Event::read(7, None, payload.to_string().as_bytes(), None).content.unwrap()
    }

    #[test]
    fn a_call_shows_its_outline_and_a_masked_address() {
        let call = call(|_| {});
        assert_eq!(call.email.as_deref(), Some("t***@company.com"));
        assert_eq!((call.duration_seconds, call.tier.as_deref()), (Some(120.5), Some("hot")));
        assert_eq!(call.archive_key, "sessions/year=2026/month=11/day=01/room_1-AJ_1.json.gz");
        let text = serde_json::to_string(&call).unwrap();
        assert!(!text.contains("secret") && !text.contains("test@"), "{text}");
    }

    #[test]
    fn what_is_missing_is_worked_out_or_left_out() {
        let of = |name: &'static str, value: Value| call(move |payload| payload[name] = value);
        let no_length = of("duration_seconds", Value::Null);
        assert_eq!(no_length.duration_seconds, Some(120.0));
        let no_start = of("start_time", Value::Null);
        assert_eq!(no_start.started_at, "2026-11-01T11:57:59.500Z".parse().ok());
        for odd in [json!(-1), json!(1e300), json!("long"), json!([])] {
            let call = call(|payload| {
                payload["duration_seconds"] = odd;
                payload["start_time"] = json!("yesterday");
                payload["end_reason"] = json!(7);
                payload["discovered_signals"] = json!("none");
            });
            assert_eq!((call.duration_seconds, call.started_at, call.tier), (None, None, None));
            assert_eq!(call.end_reason, None);
        }
        assert!(of("user_email", json!("")).is_anonymous);
        let unreadable = of("user_email", json!("nobody"));
        assert_eq!((unreadable.is_anonymous, unreadable.email), (false, None));
    }

    #[test]
    fn long_texts_are_cut() {
        let call = call(|payload| {
            payload["session_id"] = json!("r".repeat(5_000));
            payload["end_reason"] = json!("e".repeat(5_000));
            payload["discovered_signals"]["qualification_tier"] = json!("t".repeat(5_000));
        });
        let longest = [&call.session_id, &call.end_reason.unwrap(), &call.tier.unwrap(), &call.archive_key]
            .map(|text| text.chars().count());
        assert!(longest.iter().all(|length| *length <= 290), "{longest:?}");
    }

    #[test]
    fn what_is_no_event_says_so_without_its_content() {
        let error = Event::read(1, None, b"{\"session_id\": \"secret\"", None).content.unwrap_err();
        assert!(error.contains("ends too early") && !error.contains("secret"), "{error}");
    }
}
