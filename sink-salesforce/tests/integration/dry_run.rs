//! `--dry-run` of the program.

use async_nats::jetstream::Context;
use schemas::names;
use serde_json::{Value, json};
use sink::Message;
use test_servers::NatsServer;

use crate::binary::{NAME, set_up, sink};
use crate::org::{LEAD, Org, session};

// The simulator answers while the test waits for the program.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_what_waits_and_touches_nothing() {
    let (org, nats) = (Org::start().await, NatsServer::start().await);
    set_up(&org, &nats);
    let jetstream = nats.jetstream().await;
    let email = "test@company.com";
    let waiting = [session("older", email, 7), session("newer", email, 8), session("nobody", "n@x.org", 9)];
    publish(&jetstream, waiting.map(|message| message.payload.to_vec())).await;
    publish(&jetstream, [b"no JSON".to_vec()]).await;

    let lead = "Lead 00Q5f00000A0001EAB\tnewer\t";
    let lines = succeed(&org, &nats, &["run", "--dry-run"]);
    assert_eq!(
        lines[1..],
        [
            format!("{lead}Last_Voice_Call_Date__c\tnull\t\"2025-10-29T12:00:08.000Z\""),
            format!("{lead}Last_Voice_Session__c\tnull\t\"newer\""),
            format!("{lead}Voice_Qualification_Tier__c\tnull\t\"hot\""),
            "nothing is written; it would be: no_match 1, superseded 1, undecodable 1, updated 1".to_owned(),
        ]
    );
    assert!(lines[0].starts_with("event 4\tundecodable: "), "{}", lines[0]);

    let lines = succeed(&org, &nats, &["replay", "--dry-run", "--session", "older", "--json"]);
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    let then = "2025-10-29T12:00:07.000Z";
    assert_eq!(
        first,
        json!({ "object": "Lead", "id": "00Q5f00000A0001EAB", "session_id": "older",
            "field": "Last_Voice_Call_Date__c", "now": null, "then": then })
    );
    assert_eq!(lines[3], r#"{"outcomes":{"updated":1}}"#);

    assert_eq!(org.voice(LEAD), [Value::Null, Value::Null, Value::Null]);
    assert_eq!(org.counters().update_calls, 0);
    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    let info = stream.consumer_info(NAME).await.unwrap();
    assert_eq!((info.delivered.stream_sequence, info.num_pending), (0, 4));
}

// The simulator answers while the test waits for the program.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_remembers_what_it_has_shown() {
    let (org, nats) = (Org::start().await, NatsServer::start().await);
    set_up(&org, &nats);
    let jetstream = nats.jetstream().await;
    assert_eq!(succeed(&org, &nats, &["run", "--dry-run"]), ["no event: nothing would be written"]);
    // The second of a Lead's calls is in another batch than the first.
    let nobody = (0..200).map(|index| session(&format!("room-{index}"), "n@x.org", 1));
    let messages = [session("newer", "test@company.com", 8)].into_iter().chain(nobody);
    let messages = messages.chain([session("older", "test@company.com", 7)]);
    publish(&jetstream, messages.map(|message: Message| message.payload.to_vec())).await;
    let lines = succeed(&org, &nats, &["run", "--dry-run"]);
    assert_eq!(lines[3], "nothing is written; it would be: no_match 200, stale 1, updated 1");
}

async fn publish(jetstream: &Context, payloads: impl IntoIterator<Item = Vec<u8>>) {
    for payload in payloads {
        jetstream.publish(names::SESSION_ENDED_V1, payload.into()).await.unwrap().await.unwrap();
    }
}

/// The lines that the program prints.
fn succeed(org: &Org, nats: &NatsServer, args: &[&str]) -> Vec<String> {
    let output = sink(org, nats).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
