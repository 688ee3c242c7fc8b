//! What whoever watches a sink sees of it.

use schemas::names;
use sink::WriteError;
use test_servers::http::{metric, readyz};
use test_servers::{NatsServer, eventually};

use crate::scripted::*;

fn own(name: &str) -> String {
    format!("postcall_sink_{name}{{sink=\"sink-test\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_shows_whether_it_works_and_when_it_last_did() {
    let mut nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    let (writer, _) = scripted(|_| Ok(()));
    let running = RunningSink::start(&nats, options(), writer);
    readyz(running.http, 200, "ready").await;
    let shown = async |name: &str| metric(running.http, &own(name)).await;
    assert_eq!((shown("ready").await, shown("nats_connected").await), (1.0, 1.0));
    assert_eq!(shown("last_success_timestamp_seconds").await, 0.0);
    publish(&jetstream, "room").await;
    all_settled(&jetstream).await;
    assert!(shown("last_success_timestamp_seconds").await > 1_700_000_000.0);
    assert_eq!(shown("oldest_unsettled_seconds").await, 0.0);
    let build = r#"postcall_build_info{program="sink-test",version=""#;
    let version = format!("{build}{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(metric(running.http, &version).await, 1.0);
    assert!(metric(running.http, "process_resident_memory_bytes").await > 0.0);

    nats.kill();
    eventually("the connection is missed", async || shown("nats_connected").await == 0.0).await;
    eventually("the sink is not ready", async || shown("ready").await == 0.0).await;
    let queue = r#"postcall_sink_not_ready{part="queue",sink="sink-test"}"#;
    assert_eq!(metric(running.http, queue).await, 1.0);
    let store = r#"postcall_sink_not_ready{part="store",sink="sink-test"}"#;
    assert_eq!(metric(running.http, store).await, 0.0);
    nats.start_again().await;
    eventually("the sink is ready", async || shown("ready").await == 1.0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_streams_is_shown() {
    let nats = NatsServer::start_with_users("").await;
    let operator = nats.operator_url();
    set_up_at(&operator, &options(), &[]).await.unwrap();
    let jetstream = nats.operator().await;
    let (writer, _) = scripted(|message| match message.event.identity.session_id.as_str() {
        "impossible" => Err(WriteError::Reject { outcome: sink::PERMANENT, reason: "too large".to_owned() }),
        _ => Err(WriteError::Retry { reason: "row locked".to_owned() }),
    });
    publish(&jetstream, "impossible").await;
    publish(&jetstream, "locked").await;
    // A letter of another sink's is none of this one's.
    let other = names::dead_letter_subject("sink-other");
    jetstream.publish(other, "letter".into()).await.unwrap().await.unwrap();
    let running = RunningSink::start_with(&operator, options(), writer, &["--max-attempts", "1000"]);
    readyz(running.http, 200, "ready").await;
    let shown = async |name: &str| metric(running.http, &own(name)).await;
    eventually("the letter is seen", async || shown("dead_letters_stored").await == 1.0).await;
    eventually("the locked one ages", async || shown("oldest_unsettled_seconds").await >= 2.0).await;
    assert!(shown("redeliveries_total").await >= 1.0);
    eventually("it is seen to be delivered again", async || shown("redelivered").await == 1.0).await;
    running.stop().await;
}
