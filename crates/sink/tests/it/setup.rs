//! The operator's part.

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use schemas::names;
use test_servers::http::readyz;
use test_servers::{NatsServer, eventually};

use crate::scripted::*;

#[tokio::test]
async fn setup_makes_what_the_sinks_need_and_again_changes_nothing() {
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let first = configuration(&nats).await;
    set_up(&nats, &options(), &[]).await.unwrap();
    assert_eq!(configuration(&nats).await, first);
    let sessions = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap().cached_info().config.clone();
    assert_eq!(sessions.discard, DiscardPolicy::New);
    assert_eq!(sessions.subjects, ["sessions.ended.>"]);
    assert_eq!(sessions.duplicate_window.as_secs(), 3_600);
    assert!(sessions.max_bytes > 0 && !sessions.max_age.is_zero());
}

#[tokio::test]
async fn setup_grows_but_never_shrinks() {
    let nats = NatsServer::start().await;
    set_up(&nats, &options(), &["--sessions-max-bytes", "1000000", "--sessions-max-age", "2days"])
        .await
        .unwrap();
    set_up(&nats, &options(), &["--sessions-max-bytes", "2000000", "--sessions-max-age", "3days"])
        .await
        .unwrap();
    let grown = configuration(&nats).await;
    assert_eq!((grown.0.max_bytes, grown.0.max_age.as_secs()), (2_000_000, 3 * 86_400));
    for (flags, refused) in [
        (
            ["--sessions-max-bytes", "1999999"],
            "set up stream SESSIONS: max_bytes would shrink from 2000000 to 1999999",
        ),
        (["--sessions-max-age", "2days"], "set up stream SESSIONS: max_age would shrink from 3days to 2days"),
        (["--replicas", "0"], "set up stream SESSIONS: replicas would shrink from 1 to 0"),
    ] {
        let error = set_up(&nats, &options(), &flags).await.unwrap_err();
        assert_eq!(format!("{error:#}"), refused);
    }
    assert_eq!(configuration(&nats).await, grown);
    // Limits that are not given stay as they are, whatever the defaults.
    set_up(&nats, &options(), &[]).await.unwrap();
    assert_eq!(configuration(&nats).await, grown);
}

#[tokio::test]
async fn further_subjects_and_streams_without_limits_are_kept() {
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    let subjects = vec!["sessions.other".to_owned()];
    let config = Config { name: names::SESSIONS_STREAM.to_owned(), subjects, ..Config::default() };
    jetstream.create_stream(config).await.unwrap();
    set_up(&nats, &options(), &[]).await.unwrap();
    let (sessions, _) = configuration(&nats).await;
    assert_eq!(sessions.subjects, ["sessions.other", "sessions.ended.>"]);
    assert!(sessions.max_bytes < 0 && sessions.max_age.is_zero());
    let error = set_up(&nats, &options(), &["--sessions-max-bytes", "1000000"]).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("max_bytes would shrink from without a limit to 1000000"),
        "{error:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_without_its_consumer_waits_and_says_what_to_do() {
    let nats = NatsServer::start().await;
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start(&nats, options(), writer);
    let body = readyz(sink.http, 503, "run `sink-test setup`").await;
    assert!(body.starts_with("queue: consumer sink-test of stream SESSIONS: "), "{body}");
    set_up(&nats, &options(), &[]).await.unwrap();
    publish(&nats.jetstream().await, "room").await;
    eventually("it is written", async || stems(&written) == ["room-AJ"]).await;
    readyz(sink.http, 200, "ready").await;
    sink.stop().await;
}

async fn configuration(nats: &NatsServer) -> (Config, async_nats::jetstream::consumer::Config) {
    let stream = nats.jetstream().await.get_stream(names::SESSIONS_STREAM).await.unwrap();
    let consumer = stream.consumer_info(NAME).await.unwrap();
    (stream.cached_info().config.clone(), consumer.config)
}
