//! What JetStream stores and the client cannot receive: the message is written all the same, and so is every other.

use std::sync::Arc;
use std::time::Duration;

use schemas::names::{self, SESSION_ENDED_V1, header};
use sink::{PERMANENT, SinkOptions, WriteError};
use test_servers::http::readyz;
use test_servers::{NatsServer, eventually};

use crate::dead_letters::replay;
use crate::scripted::*;

const SUBJECT: &[u8] = SESSION_ENDED_V1.as_bytes();

/// Blocks of headers at which the client ends, loses its connection, or takes the message for an answer of the server's.
fn odd_blocks() -> Vec<Vec<u8>> {
    vec![
        block(b"X-Trace: a\rb"),
        block(b"X-Trace: a\r"),
        block(b"X-Name: Jos\xe9"),
        block(b"X-Name\xff: a"),
        block(b"no colon"),
        block(b"X Space: a"),
        block(b": nameless"),
        block(b"\tfolded"),
        block(b"X-Zero: \0"),
        block("X-Größe: a".as_bytes()),
        block(b"X-A: b\r\n X-C: d\r\n\r"),
        b"".to_vec(),
        b"\r\n".to_vec(),
        b"\r\n\r\n".to_vec(),
        b"no version\r\n\r\n".to_vec(),
        b"NATS/2.0\r\nX-A: b\r\n\r\n".to_vec(),
        b"NATS/1.0".to_vec(),
        b"NATS/1.0X-A: b\r\n\r\n".to_vec(),
        b"NATS/1.0 nonsense\r\n\r\n".to_vec(),
        b"NATS/1.0 99999\r\n\r\n".to_vec(),
        b"NATS/1.0 100 Idle Heartbeat\r\n\r\n".to_vec(),
        b"NATS/1.0 408 Request Timeout\r\n\r\n".to_vec(),
        b"NATS/1.0 404 No Messages\r\n\r\n".to_vec(),
        b"NATS/1.0 409 Consumer Deleted\r\n\r\n".to_vec(),
        b"NATS/1.0 409 Batch Completed\r\n\r\n".to_vec(),
        b"NATS/1.0 503\r\n\r\n".to_vec(),
        block(format!("X-Large: {}", "a".repeat(60_000)).as_bytes()),
        block(&[b"X-Large: ".to_vec(), vec![b'\xe9'; 60_000]].concat()),
        block(&b"X-Many: a\r\n".repeat(5_000)[..55_000 - 2]),
        vec![b'\r'; 1_000],
        vec![b'\n'; 1_000],
        (0..=255).collect(),
    ]
}

/// Delivered again only after many minutes, so what was lost on its way would be missed.
fn patient(batch: usize) -> SinkOptions {
    SinkOptions {
        max_batch: batch,
        max_concurrent_writes: 4,
        write_timeout: Duration::from_secs(600),
        ..options()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_odd_headers_is_written_and_so_is_every_other() {
    let nats = NatsServer::start().await;
    let sink = patient(1);
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|_| Ok(()));
    let running = RunningSink::start(&nats, sink, writer);
    let mut expected = Vec::new();
    for (case, headers) in odd_blocks().into_iter().enumerate() {
        for session in [format!("before{case}"), format!("odd{case}"), format!("after{case}")] {
            if session.starts_with("odd") && !headers.is_empty() {
                publish_raw(&nats, SUBJECT, &headers, &payload(&session)).await;
            } else {
                publish(&jetstream, &session).await;
            }
            expected.push(format!("{session}-AJ"));
        }
        let what = format!(
            "all are written with {}",
            headers.escape_ascii().to_string().split_at_checked(60).map_or("", |(start, _)| start)
        );
        eventually(&what, async || written.lock().unwrap().len() >= expected.len()).await;
    }
    all_settled(&jetstream).await;
    expected.sort();
    assert_eq!(stems(&written), expected);
    assert_eq!(dead_letters(&jetstream).await, 0);
    readyz(running.http, 200, "ready").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_among_others_of_one_pull_hold_none_of_them() {
    let nats = NatsServer::start().await;
    let sink = patient(20);
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let mut expected = Vec::new();
    for (case, headers) in odd_blocks().into_iter().enumerate() {
        for other in 0..5 {
            let session = format!("room{case}-{other}");
            publish(&jetstream, &session).await;
            expected.push(session);
        }
        publish_raw(&nats, SUBJECT, &headers, &payload(&format!("odd{case}"))).await;
        expected.push(format!("odd{case}"));
    }
    let (writer, written) = scripted(|_| Ok(()));
    let running = RunningSink::start(&nats, sink, writer);
    all_settled(&jetstream).await;
    let mut seen: Vec<_> =
        stems(&written).iter().map(|stem| stem.trim_end_matches("-AJ").replace("!2D", "-")).collect();
    // What comes again after a loss may be written twice.
    seen.dedup();
    expected.sort();
    assert_eq!(seen, expected);
    readyz(running.http, 200, "ready").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_subjects_are_no_reason_either() {
    let nats = NatsServer::start().await;
    let sink = patient(1);
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|_| Ok(()));
    let running = RunningSink::start(&nats, sink, writer);
    let subjects: [&[u8]; 6] =
        [b"\xe9", "a\u{a0}b".as_bytes(), b"a\x0bb", b"a\x0cb", "\u{3000}".as_bytes(), b"\x01"];
    for (case, last) in subjects.into_iter().enumerate() {
        let subject = [b"sessions.ended.", last].concat();
        publish_raw(&nats, &subject, &block(b"X-A: b"), &payload(&format!("odd{case}"))).await;
        publish(&jetstream, &format!("after{case}")).await;
        eventually("both are written", async || written.lock().unwrap().len() >= 2 * (case + 1)).await;
    }
    let broken = [b"sessions.ended.", subjects[0]].concat();
    publish_raw(&nats, &broken, &block(b"X-A: b"), "{").await;
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    all_settled(&jetstream).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_message_that_cannot_be_written_is_a_dead_letter_with_its_headers_and_can_be_replayed() {
    let nats = NatsServer::start().await;
    let sink = patient(1);
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let refuse = |_: &sink::Message| Err(WriteError::Reject { outcome: PERMANENT, reason: "no".to_owned() });
    let running = RunningSink::start(&nats, sink, scripted(refuse).0);
    // Without a job id, so that its identity is made of its message id.
    let bare = r#"{"session_id":"bare","end_time":"2025-10-29T12:00:00Z"}"#;
    let headers = block(b"X-Trace: a\rb\r\nNats-Msg-Id: published-as");
    publish_raw(&nats, SUBJECT, &headers, bare).await;
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    all_settled(&jetstream).await;
    running.stop().await;

    let letters = jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    let letter = letters.get_raw_message(1).await.unwrap();
    assert_eq!(letter.payload, bare);
    let kept = letter.headers.get(header::DEAD_LETTER_HEADERS).unwrap().as_str();
    assert_eq!(kept, "TkFUUy8xLjANClgtVHJhY2U6IGENYg0KTmF0cy1Nc2ctSWQ6IHB1Ymxpc2hlZC1hcw0KDQo=");
    let (writer, written) = scripted(|_| Ok(()));
    replay(&nats, &["--all"], writer).await.unwrap();
    assert_eq!(stems(&written), ["bare-published!2Das"]);
    assert_eq!(dead_letters(&jetstream).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_headers_of_any_kind_are_written_by_two_replicas() {
    let nats = NatsServer::start().await;
    let sink = patient(5);
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, written) = scripted(|_| Ok(()));
    let first = RunningSink::start(&nats, sink.clone(), writer);
    let (mut writer, _) = scripted(|_| Ok(()));
    writer.written = Arc::clone(&written);
    let second = RunningSink::start(&nats, sink, writer);
    // Numbers without a pattern that are the same in each run.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for session in 0..200 {
        let alphabet = b"\r\n :\t\0aN-\xe9\xc3";
        let noise: Vec<u8> = (0..next() % 12).map(|_| alphabet[(next() % 11) as usize]).collect();
        let headers = if next().is_multiple_of(4) { [&noise[..], b"\r\n"].concat() } else { block(&noise) };
        publish_raw(&nats, SUBJECT, &headers, &payload(&format!("room{session:03}"))).await;
    }
    all_settled(&jetstream).await;
    let mut seen = stems(&written);
    seen.dedup();
    assert_eq!(seen.len(), 200);
    assert_eq!(dead_letters(&jetstream).await, 0);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_message_is_tried_again_as_any_other() {
    let nats = NatsServer::start().await;
    let sink = patient(1);
    set_up(&nats, &sink, &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, _) = scripted(|_| Err(WriteError::Retry { reason: "row locked".to_owned() }));
    let running = RunningSink::start(&nats, sink, writer);
    publish_raw(&nats, SUBJECT, &block(b"X-Trace: a\rb"), &payload("locked")).await;
    eventually("a dead letter after three tries", async || dead_letters(&jetstream).await == 1).await;
    all_settled(&jetstream).await;
    running.stop().await;
}
