use std::panic::catch_unwind;

use schemas::SessionEvent;

/// What a payload says, or why it is no event. A decoder that panics blames the message and nobody else.
pub(crate) fn decode(payload: &[u8], message_id: Option<&str>) -> Result<SessionEvent, String> {
    match catch_unwind(|| SessionEvent::decode(payload, message_id)) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(_panic) => Err("the decoder panicked at the payload".to_owned()),
    }
}
