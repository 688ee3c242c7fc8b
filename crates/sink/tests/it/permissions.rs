//! What a running sink may do, and no more.

use std::time::{Duration, Instant};

use async_nats::header::HeaderName;
use async_nats::{ConnectOptions, HeaderMap, Subscriber, jetstream};
use futures::{FutureExt as _, StreamExt as _};
use schemas::names;
use serde_json::Value;
use sink::SinkOptions;
use test_servers::http::readyz;
use test_servers::{NatsServer, eventually, set_ack_wait};

use crate::scripted::*;

const PULL: &str = "$JS.API.CONSUMER.MSG.NEXT.SESSIONS.sink-test";
const READ: &str = r#""$JS.API.STREAM.MSG.GET.SESSIONS", "$JS.API.STREAM.MSG.GET.SESSIONS_DLQ""#;

fn configuration(pull: &str, read: &str) -> String {
    format!(
        r#"
        authorization {{ users: [
          {{ user: operator, password: o }}
          {{ user: sink, password: s, permissions: {{
            publish: [
              "$JS.API.CONSUMER.INFO.SESSIONS.sink-test"
              "{pull}"
              {read}
              "$JS.ACK.SESSIONS.sink-test.>"
              "sessions.dead.sink-test"
            ]
            subscribe: ["_INBOX_sink-test.>"]
          }} }}
        ] }}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_needs_its_consumer_its_dead_letters_and_an_inbox() {
    let nats = NatsServer::start_with(&configuration(PULL, READ)).await;
    set_up_at(&nats.url_for("operator", "o"), &options(), &[]).await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start_at(&nats.url_for("sink", "s"), options(), writer);
    let jetstream = operator(&nats).await;
    publish(&jetstream, "room").await;
    publish_bytes(&jetstream, "broken", "{".to_owned()).await;
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    all_settled(&jetstream).await;
    assert_eq!(stems(&written), ["room-AJ"]);
    readyz(sink.http, 200, "ready").await;
    publish_odd(&jetstream, "odd").await;
    eventually("it is written", async || stems(&written) == ["odd-AJ", "room-AJ"]).await;
    readyz(sink.http, 200, "ready").await;
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_may_not_read_the_stream_goes_on_with_the_others_and_says_what_it_cannot_receive() {
    let nats = NatsServer::start_with(&configuration(PULL, "")).await;
    set_up_at(&nats.url_for("operator", "o"), &options(), &[]).await.unwrap();
    let jetstream = operator(&nats).await;
    set_ack_wait(&jetstream, names::SESSIONS_STREAM, NAME, Duration::from_secs(5)).await;
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start_at(&nats.url_for("sink", "s"), options(), writer);
    publish(&jetstream, "before").await;
    publish_odd(&jetstream, "odd").await;
    for session in ["after0", "after1", "after2"] {
        publish(&jetstream, session).await;
    }
    eventually("the others are written", async || stems(&written).len() >= 4).await;
    let body = readyz(sink.http, 503, "messages: one up to sequence").await;
    assert!(body.contains("$JS.API.STREAM.MSG.GET.SESSIONS"), "{body}");
    assert!(!stems(&written).contains(&"odd-AJ".to_owned()));
    jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap().delete_message(2).await.unwrap();
    readyz(sink.http, 200, "ready").await;
    assert!(sink.stop().await < Duration::from_secs(30));
}

/// As while the stream has no leader: what was on its way cannot be looked at, and then it can.
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_looked_at_is_looked_at_as_soon_as_it_can_be() {
    let nats = NatsServer::start_with(&configuration(PULL, "")).await;
    // Nothing comes again by itself while the test runs.
    let patient = SinkOptions { write_timeout: Duration::from_secs(600), ..options() };
    set_up_at(&nats.url_for("operator", "o"), &patient, &[]).await.unwrap();
    let jetstream = operator(&nats).await;
    let mut pulls = jetstream.client().subscribe(PULL).await.unwrap();
    jetstream.client().flush().await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start_at(&nats.url_for("sink", "s"), patient, writer);
    publish_odd(&jetstream, "odd").await;
    readyz(sink.http, 503, "messages: one up to sequence").await;
    publish(&jetstream, "alone").await;
    eventually("the other is written", async || stems(&written) == ["alone-AJ"]).await;
    eventually("one at a time is asked for", async || asked_for_last(&mut pulls).await == 1).await;

    nats.configure(&configuration(PULL, READ));
    nats.reload();
    eventually("it is read by its sequence", async || stems(&written) == ["alone-AJ", "odd-AJ"]).await;
    readyz(sink.http, 200, "ready").await;
    publish(&jetstream, "after").await;
    all_settled(&jetstream).await;
    eventually("many are asked for again", async || asked_for_last(&mut pulls).await > 1).await;
    sink.stop().await;
}

/// How many messages were asked for by the last request that has come, or, where none has, by the next one.
async fn asked_for_last(pulls: &mut Subscriber) -> u64 {
    let mut last = pulls.next().await.unwrap();
    while let Some(Some(next)) = pulls.next().now_or_never() {
        last = next;
    }
    serde_json::from_slice::<Value>(&last.payload).unwrap()["batch"].as_u64().unwrap()
}

pub(crate) async fn operator(nats: &NatsServer) -> jetstream::Context {
    let options = ConnectOptions::with_user_and_password("operator".to_owned(), "o".to_owned());
    jetstream::new(options.connect(nats.url()).await.unwrap())
}

/// With a header that the client can send and cannot receive.
async fn publish_odd(jetstream: &jetstream::Context, session_id: &str) {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("X Space"), "a");
    let ack =
        jetstream.publish_with_headers(names::SESSION_ENDED_V1, headers, payload(session_id).into()).await;
    ack.unwrap().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_may_not_pull_is_not_ready() {
    let nats = NatsServer::start_with(&configuration("nothing", READ)).await;
    set_up_at(&nats.url_for("operator", "o"), &options(), &[]).await.unwrap();
    let (writer, _) = scripted(|_| Ok(()));
    let sink = RunningSink::start_at(&nats.url_for("sink", "s"), options(), writer);
    let body = readyz(sink.http, 503, "queue: pull messages: permissions violation").await;
    assert!(body.contains(PULL), "{body}");
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_right_is_missing_is_named_and_nothing_times_out() {
    let all = configuration(PULL, READ);
    for (missing, part) in [
        ("$JS.API.CONSUMER.INFO.SESSIONS.sink-test", "queue: consumer sink-test of stream SESSIONS: "),
        ("sessions.dead.sink-test", "dead letters: 1 cannot be stored: "),
        ("_INBOX_sink-test.>", "queue: consumer sink-test of stream SESSIONS: "),
    ] {
        let nats = NatsServer::start_with(&all.replace(&format!("{missing:?}"), "\"nothing\"")).await;
        set_up_at(&nats.url_for("operator", "o"), &options(), &[]).await.unwrap();
        publish_bytes(&operator(&nats).await, "broken", "{".to_owned()).await;
        let (writer, _) = scripted(|_| Ok(()));
        let sink = RunningSink::start_at(&nats.url_for("sink", "s"), options(), writer);
        let body = readyz(sink.http, 503, "permissions violation").await;
        let subject = missing.trim_end_matches('>');
        assert!(body.contains(part) && body.contains(subject) && !body.contains("timed out"), "{body}");
        sink.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_may_not_do_is_said() {
    let nats = NatsServer::start_with(&configuration(PULL, READ)).await;
    let began = Instant::now();
    let error = set_up_at(&nats.url_for("sink", "s"), &options(), &[]).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("operator") && error.contains("publish to $JS.API.STREAM.INFO.SESSIONS"),
        "{error}"
    );
    set_up_at(&nats.url_for("operator", "o"), &options(), &[]).await.unwrap();
    let checks = checks(&nats.url_for("sink", "s")).await;
    for stream in ["SESSIONS", "SESSIONS_DLQ"] {
        let check = checks.iter().find(|check| check.what == format!("stream {stream}")).unwrap();
        assert!(!check.good && check.found.ends_with(&format!("$JS.API.STREAM.INFO.{stream}")), "{check:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

async fn checks(nats_url: &str) -> Vec<sink::Check> {
    let nats = args::<service::Nats>(&["--nats-url", nats_url]);
    sink::check_queue(&nats, NAME, options().write_timeout).await
}
