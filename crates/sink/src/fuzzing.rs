//! Messages with any bytes in them, as a publisher may have sent them: the fuzz target in `fuzz/` calls this with any, the
//! test with those that it begins with.

use bytes::Bytes;
use futures::executor::block_on;
use schemas::names::header;
use service::traces::{read_traceparent, traceparent};

use crate::streams::ack_subject::{MessageKey, ack_subject, read_ack_subject};
use crate::streams::dead_letter::{DeadLetter, Form, kept_name, pack};
use crate::streams::headers::{Headers, wire_length};
use crate::streams::original_message::unpack;

const SINK: &str = "sink-fuzz";
/// What separates a message's headers from its payload, and the payload from the subject to which it is answered.
const END: u8 = 0xff;

/// A message of the stream, and the dead letter that becomes of it.
///
/// # Panics
/// When something of it is lost, or passes for something of ours.
pub fn message(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == END).map(Bytes::copy_from_slice);
    let mut part = || parts.next().unwrap_or_default();
    let (stored, payload, reply) = (part(), part(), part());

    let headers = Headers::parse(stored.clone());
    assert!(headers.raw.as_ref().is_none_or(|raw| *raw == stored));
    assert_eq!(Headers::parse(headers.to_bytes()), headers);
    if let Some(context) = headers.get(header::TRACE_PARENT).and_then(read_traceparent) {
        assert_eq!(read_traceparent(&traceparent(&context)), Some(context));
    }
    let packed = pack(&stored, &payload).expect("pack");
    let original = unpack(&packed, stored.len()).expect("unpack");
    assert_eq!((original.payload, original.message_id.as_deref()), (payload.clone(), headers.message_id()));
    drop(unpack(&payload, stored.len()));

    let reply = String::from_utf8_lossy(&reply);
    if let Some((key, _)) = read_ack_subject(&reply) {
        let again = read_ack_subject(&ack_subject("STREAM", "consumer", key, 1));
        assert_eq!(again.map(|(key, _)| key), Some(key));
    }

    let letter = DeadLetter {
        sink: SINK,
        reason: reply.into_owned(),
        payload: payload.clone(),
        headers,
        subject: String::from_utf8_lossy(&stored).into_owned(),
        key: MessageKey { sequence: 7, published: 1 },
        deliveries: 1,
    };
    for form in [Form::AsItWas, Form::Cut(16)] {
        check(&letter, form);
    }
}

/// Whoever reads a letter finds in it what was put there, and nothing that its publisher would like to be found.
fn check(letter: &DeadLetter, form: Form) {
    let (map, body) = block_on(letter.in_form(form)).expect("write the letter");
    let length = wire_length(&map);
    let wire = Headers { read: map, raw: None }.to_bytes();
    assert_eq!(length, wire.len());
    let read = Headers::parse(wire.clone());
    assert_eq!(read.raw, None, "{}", wire.escape_ascii());
    assert_eq!(read.get(header::DEAD_LETTER_SINK), Some(SINK));
    assert_eq!(read.get(header::DEAD_LETTER_STREAM_SEQUENCE), Some("7"));
    assert_eq!(read.get(header::DEAD_LETTER_PACKED), None);
    assert_eq!(read.get(header::DEAD_LETTER_CUT).is_some(), form != Form::AsItWas);
    assert!(letter.payload.starts_with(&body));
    if form == Form::AsItWas {
        assert_eq!(body, letter.payload);
        assert_eq!(read.get(&kept_name(header::MESSAGE_ID)), letter.headers.message_id());
        // The server, which reads them whatever their case, obeys none of the publisher's.
        let obeyed =
            read.read.iter().any(|(name, _)| name.to_string().to_ascii_lowercase().starts_with("nats-"));
        assert!(!obeyed, "{}", wire.escape_ascii());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_does_harm() {
        fuzz_seeds::feed(&[("message", message)]);
    }
}
