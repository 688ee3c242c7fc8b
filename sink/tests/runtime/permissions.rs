//! What a running sink may do, and no more.

use async_nats::{ConnectOptions, jetstream};

use crate::http::readyz;
use crate::scripted::*;
use test_servers::NatsServer;

fn configuration(pull: &str) -> String {
    format!(
        r#"
        authorization {{ users: [
          {{ user: operator, password: o }}
          {{ user: sink, password: s, permissions: {{
            publish: [
              "$JS.API.CONSUMER.INFO.SESSIONS.sink-s3"
              "{pull}"
              "$JS.ACK.SESSIONS.sink-s3.>"
              "sessions.dead.sink-s3"
            ]
            subscribe: ["_INBOX.>"]
          }} }}
        ] }}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_needs_its_consumer_its_dead_letters_and_an_inbox() {
    let nats = NatsServer::start_with(&configuration("$JS.API.CONSUMER.MSG.NEXT.SESSIONS.sink-s3")).await;
    set_up_at(&nats.url_for("operator", "o"), &options(), &[]).await.unwrap();
    let (writer, written) = scripted(|_| Ok(()));
    let sink = RunningSink::start_at(&nats.url_for("sink", "s"), options(), writer);
    let jetstream = jetstream::new(
        ConnectOptions::with_user_and_password("operator".to_owned(), "o".to_owned())
            .connect(nats.url())
            .await
            .unwrap(),
    );
    publish(&jetstream, "room").await;
    publish_bytes(&jetstream, "broken", "{".to_owned()).await;
    eventually("one dead letter", async || dead_letters(&jetstream).await == 1).await;
    all_settled(&jetstream).await;
    assert_eq!(stems(&written), ["room-AJ"]);
    readyz(sink.http, 200, "ready").await;
    sink.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_may_not_pull_is_not_ready() {
    let nats = NatsServer::start_with(&configuration("nothing")).await;
    set_up_at(&nats.url_for("operator", "o"), &options(), &[]).await.unwrap();
    let (writer, _) = scripted(|_| Ok(()));
    let sink = RunningSink::start_at(&nats.url_for("sink", "s"), options(), writer);
    readyz(sink.http, 503, "queue: pull messages: no heartbeat from the server").await;
    sink.stop().await;
}
