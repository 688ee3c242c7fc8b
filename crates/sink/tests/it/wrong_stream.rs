//! Streams that would drop, displace or refuse messages, and dead letters that go elsewhere.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType, SubjectTransform};
use schemas::names;
use service::Nats;
use sink::check_queue;
use test_servers::http::readyz;
use test_servers::{NatsServer, eventually};

use crate::scripted::*;

fn stream(name: &str, subjects: &str) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subjects.to_owned()],
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        duplicate_window: Duration::from_secs(3_600),
        ..Config::default()
    }
}

async fn complaints(nats: &NatsServer) -> String {
    let checks =
        check_queue(&args::<Nats>(&["--nats-url", &nats.url()]), NAME, options().write_timeout).await;
    let bad = checks.into_iter().filter(|check| !check.good);
    bad.map(|check| format!("{}: {}; {}\n", check.what, check.found, check.do_next.unwrap_or_default()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_and_check_refuse_a_stream_that_would_lose_messages() {
    let streams = [
        (names::SESSIONS_STREAM, names::SESSIONS_SUBJECTS),
        (names::DEAD_LETTERS_STREAM, names::DEAD_LETTERS_SUBJECTS),
    ];
    for (name, subjects) in streams {
        let plain = || stream(name, subjects);
        let transform = SubjectTransform { source: subjects.to_owned(), destination: "other.>".to_owned() };
        let wrong = [
            ("max_msgs_per_subject", Config { max_messages_per_subject: 1, ..plain() }),
            (
                "max_msgs_per_subject",
                Config { max_messages_per_subject: 1, discard_new_per_subject: true, ..plain() },
            ),
            ("no_ack", Config { no_ack: true, ..plain() }),
            ("allow_rollup_hdrs", Config { allow_rollup: true, ..plain() }),
            ("allow_msg_ttl", Config { allow_message_ttl: true, ..plain() }),
            (
                "allow_msg_counter",
                Config { allow_message_counter: true, discard: DiscardPolicy::Old, ..plain() },
            ),
            ("subject_transform", Config { subject_transform: Some(transform), ..plain() }),
        ];
        for (what, config) in wrong {
            let nats = NatsServer::start().await;
            let jetstream = nats.jetstream().await;
            set_up(&nats, &options(), &[]).await.unwrap();
            jetstream.delete_stream(name).await.unwrap();
            jetstream.create_stream(config).await.unwrap();
            let error = format!("{:#}", set_up(&nats, &options(), &[]).await.expect_err(what));
            assert!(error.starts_with(&format!("set up stream {name}: ")) && error.contains(what), "{error}");
            let bad = complaints(&nats).await;
            assert!(bad.contains(&format!("stream {name}: ")) && bad.contains(what), "{what}: {bad}");
        }
        let nats = NatsServer::start().await;
        let jetstream = nats.jetstream().await;
        set_up(&nats, &options(), &[]).await.unwrap();
        jetstream.delete_stream(name).await.unwrap();
        // What only refuses more is the operator's to choose.
        jetstream
            .create_stream(Config { max_messages: 5, discard: DiscardPolicy::Old, ..plain() })
            .await
            .unwrap();
        assert!(complaints(&nats).await.contains("discard"));
        set_up(&nats, &options(), &[]).await.unwrap();
        assert_eq!(complaints(&nats).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_refuses_a_stream_in_memory_or_without_its_subjects() {
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    for (what, config) in [
        (
            "storage",
            Config { storage: StorageType::Memory, ..stream(names::DEAD_LETTERS_STREAM, "sessions.dead.>") },
        ),
        ("subjects", stream(names::DEAD_LETTERS_STREAM, "sessions.dead.other")),
    ] {
        jetstream.delete_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
        jetstream.create_stream(config).await.unwrap();
        let bad = complaints(&nats).await;
        assert!(bad.contains("stream SESSIONS_DLQ: ") && bad.contains(what), "{what}: {bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_another_stream_took_is_not_moved() {
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    jetstream.delete_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    jetstream
        .create_stream(Config {
            max_messages: 1,
            discard: DiscardPolicy::Old,
            ..stream("AUDIT", "sessions.dead.>")
        })
        .await
        .unwrap();
    let running = RunningSink::start(&nats, options(), scripted(|_| Ok(())).0);
    for broken in ["broken1", "broken2"] {
        publish_bytes(&jetstream, broken, "{".to_owned()).await;
    }
    let body = readyz(running.http, 503, "stream AUDIT takes").await;
    assert!(body.contains("sink-test setup"), "{body}");
    jetstream.delete_stream("AUDIT").await.unwrap();
    set_up(&nats, &options(), &[]).await.unwrap();
    eventually("two dead letters", async || dead_letters(&jetstream).await == 2).await;
    all_settled(&jetstream).await;
    readyz(running.http, 200, "ready").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_stream_that_answers_nothing_is_named() {
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let stream = jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    let config = stream.cached_info().config.clone();
    jetstream.update_stream(&Config { no_ack: true, ..config.clone() }).await.unwrap();
    let running = RunningSink::start(&nats, options(), scripted(|_| Ok(())).0);
    publish_bytes(&jetstream, "broken", "{".to_owned()).await;
    let body = readyz(running.http, 503, "no_ack").await;
    assert!(body.contains("it must not have no_ack (`sink-test check` tells)"), "{body}");
    jetstream.delete_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
    let body = readyz(running.http, 503, "no stream takes sessions.dead.sink-test").await;
    assert!(body.contains("`sink-test setup`"), "{body}");
    jetstream.create_stream(config).await.unwrap();
    all_settled(&jetstream).await;
    assert_eq!(dead_letters(&jetstream).await, 1);
    running.stop().await;
}
