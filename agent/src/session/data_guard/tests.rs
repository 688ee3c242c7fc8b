//! What people send, and what grows, floods or is of no use.

use livekit_protocol::data_stream::{ByteHeader, TextHeader};
use livekit_protocol::{RpcRequest, SipDtmf, Transcription, UserPacket};

use super::*;

fn header(id: &str, topic: &str, length: Option<u64>, compressed: bool) -> Header {
    let content = if topic == PRE_CONNECT_AUDIO_TOPIC {
        ContentHeader::ByteHeader(ByteHeader::default())
    } else {
        ContentHeader::TextHeader(TextHeader::default())
    };
    let compression = if compressed { CompressionType::DeflateRaw } else { CompressionType::None };
    Header {
        stream_id: id.to_owned(),
        topic: topic.to_owned(),
        total_length: length,
        compression: compression.into(),
        content_header: Some(content),
        ..Header::default()
    }
}

fn chunk(id: &str, bytes: usize) -> Value {
    Value::StreamChunk(Chunk { stream_id: id.to_owned(), content: vec![0; bytes], ..Chunk::default() })
}

fn trailer(id: &str) -> Value {
    Value::StreamTrailer(Trailer { stream_id: id.to_owned(), ..Trailer::default() })
}

fn rules() -> (DataRules, Instant) {
    let now = Instant::now();
    (DataRules::new(now), now)
}

#[test]
fn what_people_send_passes() {
    let (mut rules, now) = rules();
    for (index, compressed) in [false, true].into_iter().enumerate() {
        let id = index.to_string();
        let opened = rules.take(&Value::StreamHeader(header(&id, CHAT_TOPIC, Some(900), compressed)), now);
        assert_eq!(opened, Ok(()));
        assert_eq!(rules.take(&chunk(&id, 400), now), Ok(()));
        assert_eq!(rules.take(&trailer(&id), now), Ok(()));
    }
    let mut whole = header("inline", CHAT_TOPIC, Some(5), false);
    whole.inline_content = Some(b"hello".to_vec());
    assert_eq!(rules.take(&Value::StreamHeader(whole), now), Ok(()));
    assert!(rules.open.is_empty());
    assert_eq!(
        rules.take(&Value::StreamHeader(header("a", PRE_CONNECT_AUDIO_TOPIC, None, false)), now),
        Ok(())
    );
    for _ in 0..400 {
        assert_eq!(rules.take(&chunk("a", 15_000), now), Ok(()));
    }
    assert_eq!(rules.take(&trailer("a"), now), Ok(()));
    assert_eq!(rules.take(&Value::RpcRequest(RpcRequest::default()), now), Ok(()));
}

#[test]
fn what_grows_does_not() {
    let (mut rules, now) = rules();
    let refused = |rules: &mut DataRules, header| rules.take(&Value::StreamHeader(header), now).is_err();
    // Without the length that it becomes, or with too much of it.
    assert!(refused(&mut rules, header("a", CHAT_TOPIC, None, true)));
    assert!(refused(&mut rules, header("b", CHAT_TOPIC, Some(16 * 1024 + 1), true)));
    assert!(refused(&mut rules, header("c", PRE_CONNECT_AUDIO_TOPIC, Some(6 << 20), true)));
    assert!(refused(&mut rules, header("d", CHAT_TOPIC, Some(u64::MAX), false)));
    let mut inline = header("e", CHAT_TOPIC, Some(16_000), true);
    inline.inline_content = Some(vec![0; LONGEST_COMPRESSED_PART + 1]);
    assert!(refused(&mut rules, inline));
    // Parts that are too large, too many, empty without end, or of no stream.
    assert!(!refused(&mut rules, header("f", PRE_CONNECT_AUDIO_TOPIC, Some(1 << 20), true)));
    assert_eq!(rules.take(&chunk("f", LONGEST_COMPRESSED_PART + 1), now), Err(Cut::PreConnectAudio));
    assert_eq!(rules.take(&chunk("f", 1), now), Err(Cut::Streams));
    assert!(!refused(&mut rules, header("g", CHAT_TOPIC, None, false)));
    assert!((0..=MOST_PARTS).any(|_| rules.take(&chunk("g", 0), now).is_err()));
    assert!(!refused(&mut rules, header("h", CHAT_TOPIC, None, false)));
    assert_eq!(rules.take(&chunk("h", LONGEST_TYPED + 1), now), Err(Cut::TypedMessages));
}

#[test]
fn a_call_has_one_recording_and_two_messages_on_their_way() {
    let (mut rules, now) = rules();
    let open = |rules: &mut DataRules, id, topic, at| {
        rules.take(&Value::StreamHeader(header(id, topic, None, false)), at).is_ok()
    };
    assert!(open(&mut rules, "a", PRE_CONNECT_AUDIO_TOPIC, now));
    assert_eq!(rules.take(&trailer("a"), now), Ok(()));
    assert!(!open(&mut rules, "b", PRE_CONNECT_AUDIO_TOPIC, now));
    assert!(open(&mut rules, "c", CHAT_TOPIC, now));
    assert!(open(&mut rules, "d", CHAT_TOPIC, now));
    assert!(!open(&mut rules, "e", CHAT_TOPIC, now));
    // What never ends does not stand in the way for ever.
    assert!(open(&mut rules, "f", CHAT_TOPIC, now + TYPED_LIMIT));
    assert_eq!(rules.take(&chunk("c", 1), now + TYPED_LIMIT), Err(Cut::Streams));
}

#[test]
fn a_flood_is_held_to_what_a_person_types() {
    let (mut rules, now) = rules();
    let message = Value::ChatMessage(ChatMessage { message: "hello".to_owned(), ..ChatMessage::default() });
    let mut taken = 0;
    for index in 0..5_000 {
        let at = now + Duration::from_millis(2 * index);
        taken += usize::from(rules.take(&message, at).is_ok());
        let header = header(&index.to_string(), CHAT_TOPIC, None, false);
        taken += usize::from(rules.take(&Value::StreamHeader(header), at).is_ok());
    }
    assert!((64..=164).contains(&taken), "{taken}");
}

#[test]
fn what_the_agent_has_no_use_for_is_not_read() {
    let (mut rules, now) = rules();
    for value in [
        Value::User(UserPacket::default()),
        Value::SipDtmf(SipDtmf::default()),
        Value::Transcription(Transcription::default()),
        Value::StreamHeader(header("a", "lk.rpc_request", None, false)),
        Value::StreamHeader(header("b", "lk.rpc_response", None, true)),
        Value::StreamHeader(header("c", "files", None, false)),
        chunk("a", 1),
        trailer("a"),
    ] {
        assert!(rules.take(&value, now).is_err(), "{value:?}");
    }
    let procedure = Value::RpcRequest(RpcRequest::default());
    assert_eq!((0..100).filter(|_| rules.take(&procedure, now).is_ok()).count(), 8);
}

#[test]
fn attributes_are_bounded() {
    let (mut rules, now) = rules();
    let mut long = header("a", CHAT_TOPIC, None, false);
    long.attributes.insert("x".to_owned(), "y".repeat(LONGEST_ATTRIBUTES));
    assert_eq!(rules.take(&Value::StreamHeader(long), now), Err(Cut::Streams));
}

#[test]
fn texts_that_would_be_logged_are_short_and_plain() {
    let (mut rules, now) = rules();
    let opens = |rules: &mut DataRules, header: Header| rules.take(&Value::StreamHeader(header), now).is_ok();
    for id in ["", "x\nERROR forged", "ann@company.com", "a b", &"x".repeat(129)] {
        assert!(!opens(&mut rules, header(id, CHAT_TOPIC, None, false)), "{id}");
    }
    for id in ["8f14e45f-ceea-467f-a8c1-2b0a3f5d6e7f", "STR_x1", "TX-1.2:3"] {
        assert!(opens(&mut rules, header(id, CHAT_TOPIC, None, false)), "{id}");
        assert_eq!(rules.take(&trailer(id), now), Ok(()));
    }
    let unknown = Header { compression: 77, ..header("b", CHAT_TOPIC, Some(5), false) };
    assert!(!opens(&mut rules, unknown));
    let form = Header { mime_type: "x".repeat(257), ..header("c", PRE_CONNECT_AUDIO_TOPIC, None, false) };
    assert!(!opens(&mut rules, form));
    let mut named = header("d", PRE_CONNECT_AUDIO_TOPIC, None, false);
    named.content_header =
        Some(ContentHeader::ByteHeader(ByteHeader { name: "x".repeat(LONGEST_ATTRIBUTES + 1) }));
    assert!(!opens(&mut rules, named));
    assert!(opens(&mut rules, header("e", CHAT_TOPIC, None, false)));
    let reason = Trailer { stream_id: "e".to_owned(), reason: "y".repeat(257), ..Trailer::default() };
    assert_eq!(rules.take(&Value::StreamTrailer(reason), now), Err(Cut::Streams));
}
