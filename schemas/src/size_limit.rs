//! Keeps a payload below the size that NATS takes.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::SessionEnded;

/// Encodes a payload in at most `limit` bytes, cutting what is least needed, in this order, only as far as it must:
/// the transcript from its end, the tool calls from their end, the participant's metadata, the signals but for the
/// tier. What was cut is named in `truncated`. The core that is left is a few kilobytes; a limit below that is not met.
pub fn encode_within(mut session: SessionEnded, limit: usize) -> Vec<u8> {
    let mut encoded = encode(&session);
    for cut in [cut_transcript, cut_tool_calls, cut_user_metadata, cut_signals] {
        if encoded.len() <= limit {
            break;
        }
        // Room for the name that `truncated` gains.
        let excess = encoded.len() - limit + 64;
        if let Some(field) = cut(&mut session, excess) {
            if !session.truncated.iter().any(|name| name == field) {
                session.truncated.push(field.to_owned());
            }
            encoded = encode(&session);
        }
    }
    encoded
}

fn cut_transcript(session: &mut SessionEnded, excess: usize) -> Option<&'static str> {
    cut_from_end(session.transcript.as_mut()?, excess).then_some("transcript")
}

fn cut_tool_calls(session: &mut SessionEnded, excess: usize) -> Option<&'static str> {
    cut_from_end(&mut session.tool_calls, excess).then_some("tool_calls")
}

fn cut_user_metadata(session: &mut SessionEnded, _excess: usize) -> Option<&'static str> {
    (!std::mem::take(&mut session.user_metadata).is_empty()).then_some("user_metadata")
}

fn cut_signals(session: &mut SessionEnded, _excess: usize) -> Option<&'static str> {
    const TIER: &str = "qualification_tier";
    session.signal_sources.clear();
    let tier = session.discovered_signals.remove(TIER);
    let had_more = !std::mem::take(&mut session.discovered_signals).is_empty();
    session.discovered_signals = Map::from_iter(tier.map(|tier: Value| (TIER.to_owned(), tier)));
    had_more.then_some("discovered_signals")
}

/// Drops entries from the end until `excess` bytes are gone; says whether any was dropped.
fn cut_from_end<T: Serialize>(entries: &mut Vec<T>, mut excess: usize) -> bool {
    let before = entries.len();
    while excess > 0
        && let Some(entry) = entries.pop()
    {
        excess = excess.saturating_sub(encode(&entry).len() + 1);
    }
    entries.len() < before
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Only a map with keys that are no texts, or a failing `Serialize`, could fail; the payload has neither.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, TranscriptEntry};

    fn session(turns: usize) -> SessionEnded {
        let mut session: SessionEnded =
            serde_json::from_slice(include_bytes!("../golden/v1/agent-0.1.json")).unwrap();
        let entry = TranscriptEntry {
            role: Role::User,
            text: "x".repeat(100),
            start_time: session.start_time,
            end_time: session.end_time,
            interrupted: false,
        };
        session.transcript = Some(vec![entry; turns]);
        session
    }

    #[test]
    fn a_payload_below_the_limit_is_whole() {
        let whole = session(3);
        let decoded: SessionEnded = serde_json::from_slice(&encode_within(whole.clone(), 1_000_000)).unwrap();
        assert_eq!(decoded, whole);
    }

    #[test]
    fn the_transcript_goes_first_and_only_as_far_as_it_must() {
        let encoded = encode_within(session(100), 10_000);
        assert!(encoded.len() <= 10_000 && encoded.len() > 9_000, "{}", encoded.len());
        let decoded: SessionEnded = serde_json::from_slice(&encoded).unwrap();
        assert_eq!(decoded.truncated, ["transcript"]);
        assert!(!decoded.tool_calls.is_empty());
    }

    #[test]
    fn the_core_and_the_tier_always_stay() {
        let mut session = session(2);
        session.discovered_signals.insert("notes".to_owned(), Value::from("n".repeat(5_000)));
        session.user_metadata.insert("notes".to_owned(), Value::from("n".repeat(5_000)));
        let encoded = encode_within(session.clone(), 2_000);
        assert!(encoded.len() <= 2_000);
        let decoded: SessionEnded = serde_json::from_slice(&encoded).unwrap();
        assert_eq!(decoded.truncated, ["transcript", "tool_calls", "user_metadata", "discovered_signals"]);
        assert_eq!(decoded.identity(), session.identity());
        assert_eq!(decoded.user_email, session.user_email);
        assert_eq!(
            decoded.discovered_signals["qualification_tier"],
            session.discovered_signals["qualification_tier"]
        );
    }
}
