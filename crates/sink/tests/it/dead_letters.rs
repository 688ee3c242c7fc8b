//! What a dead letter keeps, and its replay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schemas::names::{self, header};
use sink::{DeadLettersArgs, NoArgs, PERMANENT, WriteError, Writer};
use test_servers::http::{get, readyz};
use test_servers::{NatsServer, eventually};

use crate::scripted::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_keeps_bytes_headers_and_origin() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, _) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    publish(&jetstream, "fine").await;
    publish_bytes(&jetstream, "broken-1", r#"{"session_id": "room", "user_email": "a@x.org""#.to_owned())
        .await;
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    all_settled(&jetstream).await;

    let stream = jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    let letter = stream.get_raw_message(1).await.unwrap();
    assert_eq!(*letter.subject, *"sessions.dead.sink-test");
    assert_eq!(letter.payload, r#"{"session_id": "room", "user_email": "a@x.org""#);
    let id = letter.headers.get(header::MESSAGE_ID).unwrap().as_str();
    assert!(id.starts_with("sink-test:2:"), "{id}");
    let published = letter.headers.get(header::DEAD_LETTER_PUBLISHED).unwrap().as_str();
    assert!(published.parse::<chrono::DateTime<chrono::Utc>>().is_ok(), "{published}");
    let mut headers: Vec<_> =
        letter.headers.iter().map(|(name, values)| format!("{name}: {}", values[0].as_str())).collect();
    // Those that hold the time.
    headers.retain(|line| !line.starts_with("Nats-Msg-Id: ") && !line.contains("-Published: "));
    headers.sort();
    insta::assert_snapshot!(headers.join("\n"), @r"
    Content-Type: application/json
    Postcall-Dead-Letter-Deliveries: 1
    Postcall-Dead-Letter-Error: the payload is not a session-end object: the JSON ends too early at line 1, column 46
    Postcall-Dead-Letter-Sink: sink-test
    Postcall-Dead-Letter-Stream-Sequence: 2
    Postcall-Dead-Letter-Subject: sessions.ended.v1
    Postcall-Original-Nats-Msg-Id: broken-1
    ");
    assert_eq!(get(sink.http, "/readyz").await, Some((200, "ready\n".to_owned())));
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_writes_with_the_same_identity_and_removes_what_it_wrote() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let refuses = Arc::new(AtomicBool::new(true));
    let answer = {
        let refuses = Arc::clone(&refuses);
        move |message: &sink::Message| match message.event.identity.session_id.as_str() {
            "never" => Err(WriteError::Reject { outcome: PERMANENT, reason: "never".to_owned() }),
            _ if refuses.load(Ordering::SeqCst) => {
                Err(WriteError::Reject { outcome: PERMANENT, reason: "not yet".to_owned() })
            }
            _ => Ok(()),
        }
    };
    let (writer, _) = scripted(answer.clone());
    let sink = RunningSink::start(&nats, options(), writer);
    // Without a job id, so that its identity is made of its message id.
    let bare = r#"{"session_id":"bare","end_time":"2025-10-29T12:00:00Z"}"#;
    publish_bytes(&jetstream, "published-as", bare.to_owned()).await;
    publish(&jetstream, "never").await;
    publish(&jetstream, "room").await;
    publish_bytes(&jetstream, "broken", "{".to_owned()).await;
    eventually("four dead letters", async || dead_letters(&jetstream).await == 4).await;
    sink.stop().await;

    refuses.store(false, Ordering::SeqCst);
    let (writer, written) = scripted(answer);
    let error = replay(&nats, &["--all"], writer).await.unwrap_err();
    assert_eq!(error.to_string(), "dead letters that could not be written and stay: 2");
    assert_eq!(stems(&written), ["bare-published!2Das", "room-AJ"]);
    assert_eq!(dead_letters(&jetstream).await, 2);
    // Nothing was published again.
    let sessions = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    assert_eq!(sessions.cached_info().state.last_sequence, 4);

    let letters = jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    let mut never = 0;
    for sequence in 1..=4 {
        if let Ok(letter) = letters.get_raw_message(sequence).await
            && letter.payload != "{"
        {
            never = sequence;
        }
    }
    let (writer, written) = scripted(|_| Ok(()));
    replay(&nats, &[&never.to_string()], writer).await.unwrap();
    assert_eq!(stems(&written), ["never-AJ"]);
    assert_eq!(dead_letters(&jetstream).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_cannot_be_stored_leaves_the_message_in_the_stream() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let mut config =
        jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap().cached_info().config.clone();
    config.max_message_size = 10;
    jetstream.update_stream(&config).await.unwrap();
    let (writer, _) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    publish_bytes(&jetstream, "broken", "{ but longer than ten bytes".to_owned()).await;
    readyz(sink.http, 503, "dead letters: ").await;
    config.max_message_size = -1;
    jetstream.update_stream(&config).await.unwrap();
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    all_settled(&jetstream).await;
    readyz(sink.http, 200, "ready").await;
    let stream = jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    let letter = stream.get_raw_message(1).await.unwrap();
    let deliveries: u64 =
        letter.headers.get(header::DEAD_LETTER_DELIVERIES).unwrap().as_str().parse().unwrap();
    assert!(deliveries >= 2);
    sink.stop().await;
}

pub(crate) async fn replay<W: Writer>(nats: &NatsServer, flags: &[&str], writer: W) -> anyhow::Result<()> {
    let url = nats.url();
    let flags: Vec<_> = ["--nats-url", &url, "replay"].iter().chain(flags).copied().collect();
    sink::dead_letters(NAME, args::<DeadLettersArgs<NoArgs>>(&flags), async |_| Ok((options(), writer))).await
}
