//! A consumer that is not as `setup` makes it, or gives nothing, and answers that are not allowed.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use schemas::names;
use service::Nats;
use sink::check_queue;
use test_servers::http::{metric, readyz};
use test_servers::{NatsServer, eventually};

use crate::scripted::*;

fn as_setup_makes_it() -> pull::Config {
    pull::Config {
        durable_name: Some(NAME.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(20),
        filter_subject: names::SESSIONS_SUBJECTS.to_owned(),
        max_deliver: -1,
        max_ack_pending: -1,
        ..pull::Config::default()
    }
}

async fn make(jetstream: &Context, config: pull::Config) {
    // The server may still remove the files of the one that was deleted, and refuses another meanwhile.
    let made =
        async || jetstream.create_consumer_on_stream(config.clone(), names::SESSIONS_STREAM).await.is_ok();
    eventually("the consumer is made", made).await;
}

/// What `check` says that is not good.
async fn complaints(nats_url: &str) -> String {
    let checks = check_queue(&args::<Nats>(&["--nats-url", nats_url]), NAME, options().write_timeout).await;
    let bad = checks.into_iter().filter(|check| !check.good);
    bad.map(|check| format!("{}: {}; {}\n", check.what, check.found, check.do_next.unwrap_or_default()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_pulled_from_a_consumer_that_would_lose_messages() {
    let wrong = [
        ("ack_policy", pull::Config { ack_policy: AckPolicy::All, ..as_setup_makes_it() }),
        (
            "ack_policy",
            pull::Config { ack_policy: AckPolicy::None, max_ack_pending: 0, ..as_setup_makes_it() },
        ),
        ("max_deliver", pull::Config { max_deliver: 3, ..as_setup_makes_it() }),
        ("filter", pull::Config { filter_subject: "sessions.ended.v2".to_owned(), ..as_setup_makes_it() }),
        ("filter", pull::Config { filter_subject: String::new(), ..as_setup_makes_it() }),
        (
            "deliver_policy",
            pull::Config { deliver_policy: DeliverPolicy::LastPerSubject, ..as_setup_makes_it() },
        ),
        ("headers_only", pull::Config { headers_only: true, ..as_setup_makes_it() }),
    ];
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let running = RunningSink::start(&nats, options(), writer);
    readyz(running.http, 200, "ready").await;
    for (case, (what, config)) in wrong.into_iter().enumerate() {
        jetstream.delete_consumer_from_stream(NAME, names::SESSIONS_STREAM).await.unwrap();
        make(&jetstream, config).await;
        let body = readyz(running.http, 503, what).await;
        assert!(body.contains("sink-test setup"), "{body}");
        let bad = complaints(&nats.url()).await;
        assert!(bad.starts_with("consumer sink-test: ") && bad.contains(what), "{what}: {bad}");
        publish(&jetstream, &format!("room{case}")).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(stems(&written).len(), 0, "{what}");
        jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap().purge().await.unwrap();
    }
    jetstream.delete_consumer_from_stream(NAME, names::SESSIONS_STREAM).await.unwrap();
    set_up_again(&nats, &options()).await;
    publish(&jetstream, "room").await;
    eventually("it is written", async || stems(&written) == ["room-AJ"]).await;
    readyz(running.http, 200, "ready").await;
    assert_eq!(complaints(&nats.url()).await, "");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_changed_while_it_is_pulled_from_is_noticed() {
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let running = RunningSink::start(&nats, options(), writer);
    readyz(running.http, 200, "ready").await;
    make(&jetstream, pull::Config { max_deliver: 1, ..as_setup_makes_it() }).await;
    readyz(running.http, 503, "max_deliver").await;
    set_up(&nats, &options(), &[]).await.unwrap();
    publish(&jetstream, "room").await;
    eventually("it is written", async || stems(&written) == ["room-AJ"]).await;
    readyz(running.http, 200, "ready").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_consumer_is_said() {
    let nats = NatsServer::start().await;
    let jetstream = nats.jetstream().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let running = RunningSink::start(&nats, options(), writer);
    readyz(running.http, 200, "ready").await;
    let in_an_hour = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    pause(&jetstream, &format!(r#"{{"pause_until":"{in_an_hour}"}}"#)).await;
    publish(&jetstream, "room").await;
    let body = readyz(running.http, 503, "paused").await;
    assert!(body.contains("nats consumer resume SESSIONS sink-test"), "{body}");
    let bad = complaints(&nats.url()).await;
    assert!(bad.contains("paused") && bad.contains("nats consumer resume SESSIONS sink-test"), "{bad}");
    assert!(stems(&written).is_empty());
    pause(&jetstream, "{}").await;
    eventually("it is written", async || stems(&written) == ["room-AJ"]).await;
    readyz(running.http, 200, "ready").await;
    assert_eq!(complaints(&nats.url()).await, "");
    running.stop().await;
}

async fn pause(jetstream: &Context, request: &str) {
    let subject = format!("$JS.API.CONSUMER.PAUSE.SESSIONS.{NAME}");
    let answer = jetstream.client().request(subject, request.to_owned().into()).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer.payload).contains("\"error\""), "{answer:?}");
}

fn users(acks: &str) -> String {
    format!(
        r#"authorization {{ users: [
          {{ user: operator, password: o }}
          {{ user: sink, password: s, permissions: {{
            publish: ["$JS.API.>", "sessions.dead.sink-test"{acks}]
            subscribe: ["_INBOX_sink-test.>"]
          }} }}
        ] }}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_allowed_are_said_until_they_are() {
    let mut nats = NatsServer::start_with(&users("")).await;
    let operator = nats.url_for("operator", "o");
    set_up_at(&operator, &options(), &[]).await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let running = RunningSink::start_at(&nats.url_for("sink", "s"), options(), writer);
    let jetstream = crate::permissions::operator(&nats).await;
    publish(&jetstream, "room").await;
    let body = readyz(running.http, 503, "$JS.ACK.SESSIONS.sink-test.>").await;
    assert!(body.starts_with("acks: "), "{body}");
    let bad = complaints(&nats.url_for("sink", "s")).await;
    assert!(bad.contains("$JS.ACK.SESSIONS.sink-test.>"), "{bad}");
    nats.kill();
    nats.configure(&users(r#", "$JS.ACK.SESSIONS.sink-test.>""#));
    nats.start_again().await;
    all_settled(&crate::permissions::operator(&nats).await).await;
    readyz(running.http, 200, "ready").await;
    assert_eq!(complaints(&nats.url_for("sink", "s")).await, "");
    assert!(!stems(&written).is_empty());
    assert_eq!(metric(running.http, r#"postcall_sink_in_flight{sink="sink-test"}"#).await, 0.0);
    running.stop().await;
}
