//! The program itself: NATS on one side, Salesforce on the other.

use std::process::Command;

use schemas::names;
use serde_json::json;
use test_servers::{NatsServer, Process, eventually, free_port};

use crate::keys;
use crate::org::{LEAD, Org, session};

/// Of the sink under test, and so of its durable consumer.
pub(crate) const NAME: &str = env!("CARGO_PKG_NAME");

#[tokio::test]
async fn a_published_session_changes_the_lead() {
    let org = Org::start().await;
    let nats = NatsServer::start().await;
    let http = format!("127.0.0.1:{}", free_port());
    set_up(&org, &nats);
    let _sink = Process::start(sink(&org, &nats).args(["run", "--http", &http])).unwrap();
    eventually("readiness", async || matches!(get(&format!("http://{http}/readyz")).await, Some((200, _))))
        .await;

    let jetstream = nats.jetstream().await;
    for message in [session("room", "test@company.com", 7), session("other", "nobody@nowhere.example", 8)] {
        let ack = jetstream.publish(names::SESSION_ENDED_V1, message.payload).await.unwrap();
        ack.await.unwrap();
    }
    eventually("the Lead", async || org.field(LEAD, "Last_Voice_Session__c") == "room").await;
    assert_eq!(org.field(LEAD, "Voice_Qualification_Tier__c"), json!("hot"));
    assert_eq!(org.counters().created, 0);

    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    eventually("both acks", async || {
        let info = stream.consumer_info(NAME).await.unwrap();
        (info.ack_floor.stream_sequence, info.num_ack_pending) == (2, 0)
    })
    .await;
    let metrics = reqwest::get(format!("http://{http}/metrics")).await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains(r#"outcome="updated""#) && metrics.contains(r#"outcome="no_match""#),
        "{metrics}"
    );
}

pub(crate) fn sink(org: &Org, nats: &NatsServer) -> Command {
    let args = org.args();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sink-salesforce"));
    command
        .env_clear()
        .env("NATS_URL", nats.url())
        .env("NATS_SYNC_INTERVAL", "always")
        .env("SALESFORCE_URL", &org.url)
        .env("SALESFORCE_CLIENT_ID", args.salesforce_client_id)
        .env("SALESFORCE_USERNAME", args.salesforce_username.unwrap())
        .env("SALESFORCE_PRIVATE_KEY_FILE", org.key_file(keys::trusted()))
        .env("SALESFORCE_AUDIENCE", args.salesforce_audience);
    command
}

/// Creates the streams and the consumer.
pub(crate) fn set_up(org: &Org, nats: &NatsServer) {
    let setup = sink(org, nats).arg("setup").output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
}

/// Status and body; `None` while nothing answers.
pub(crate) async fn get(url: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(url).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}
