//! What is lost when something fails: nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use test_servers::{Program, Signal};
use tests::archive::Archive;
use tests::caller::{Caller, ConnectionDetails};
use tests::leads::Leads;
use tests::nats;
use tests::stack::Stack;
use tests::wait_for;

use crate::call::SOON;

const EMAIL: &str = "test@company.com";

async fn caller_with_agent(stack: &Stack) -> Caller {
    let details = ConnectionDetails::request(&stack.environment, EMAIL).await.unwrap();
    let mut caller = Caller::join(&stack.environment, &details).await.unwrap();
    caller.wait_for_agent(SOON).await.unwrap();
    caller
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agents_session_is_archived_once_by_the_next() {
    let mut stack = Stack::start().await.unwrap();
    let caller = caller_with_agent(&stack).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    stack.agent.stop(Signal::Kill).unwrap();
    let session_id = caller.session_id.clone();
    caller.hang_up().await.unwrap();
    stack.agent.start().unwrap();

    let archive = Archive::open(&stack.environment).unwrap();
    let archived = archive.wait_for(&session_id, SOON).await.unwrap();
    assert_eq!(archived.payload["end_reason"], "agent_recovered");
    assert_eq!(archived.payload["user_email"], EMAIL);
    let duration = archived.payload["duration_seconds"].as_f64().unwrap();
    assert!((1.5..6.0).contains(&duration), "{duration} s");
    // Another start finds nothing to do.
    stack.agent.stop(Signal::Terminate).unwrap();
    stack.agent.start().unwrap();
    stack.agent_ready().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(archive.keys(&session_id).await.unwrap(), [archived.key]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_while_nats_is_down_is_archived_later() {
    let mut stack = Stack::start().await.unwrap();
    let caller = caller_with_agent(&stack).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.nats.stop(Signal::Terminate).unwrap();
    let session_id = caller.session_id.clone();
    caller.hang_up().await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    stack.nats.start().unwrap();

    let archive = Archive::open(&stack.environment).unwrap();
    let archived = archive.wait_for(&session_id, Duration::from_secs(40)).await.unwrap();
    assert_eq!(archived.payload["end_reason"], "participant_left");
    let duration = archived.payload["duration_seconds"].as_f64().unwrap();
    assert!(duration < 8.0, "the outage counted as call: {duration} s");
    let leads = Leads::open(&stack.environment).unwrap();
    leads.wait_for(EMAIL, &session_id, Duration::from_secs(40)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_agent_lets_the_call_end_and_loses_nothing() {
    let mut stack = Stack::start().await.unwrap();
    let caller = caller_with_agent(&stack).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let session_id = caller.session_id.clone();
    let hang_up = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        caller.hang_up().await
    });
    // SIGTERM while the call goes on: the agent waits for its end.
    let (status, stack) =
        tokio::task::spawn_blocking(move || (stack.agent.stop(Signal::Terminate), stack)).await.unwrap();
    hang_up.await.unwrap().unwrap();
    assert!(status.unwrap().unwrap().success(), "{}", stack.agent.log());
    let archived = Archive::open(&stack.environment).unwrap().wait_for(&session_id, SOON).await.unwrap();
    assert_eq!(archived.payload["end_reason"], "participant_left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_both_stores_delays_and_loses_nothing() {
    let mut stack = Stack::start().await.unwrap();
    let caller = caller_with_agent(&stack).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.s3.stop(Signal::Kill).unwrap();
    stack.salesforce.stop(Signal::Kill).unwrap();
    let session_id = caller.session_id.clone();
    caller.hang_up().await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    stack.s3.start().unwrap();
    stack.salesforce.start().unwrap();

    let limit = Duration::from_secs(60);
    Archive::open(&stack.environment).unwrap().wait_for(&session_id, limit).await.unwrap();
    let leads = Leads::open(&stack.environment).unwrap();
    let lead = leads.wait_for(EMAIL, &session_id, limit).await;
    assert!(lead.is_ok(), "{lead:?}\n{}\n{}", stack.sink_salesforce.log(), stack.salesforce.log());
    for sink in [&stack.sink_s3, &stack.sink_salesforce] {
        assert_eq!(dead_letters(sink).unwrap(), Vec::<Value>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_payload_becomes_a_dead_letter_with_its_bytes() {
    let stack = Stack::start().await.unwrap();
    let jetstream = async_nats::jetstream::new(nats::connect(&stack.environment).await.unwrap());
    let broken = "{\"session_id\": \"broken_payload\", \"end_time\": ";
    let subject = schemas::names::SESSION_ENDED_V1;
    jetstream.publish(subject, broken.into()).await.unwrap().await.unwrap();

    for sink in [&stack.sink_s3, &stack.sink_salesforce] {
        let letters = wait_for("a dead letter", SOON, || async {
            Ok(Some(dead_letters(sink)?).filter(|letters| !letters.is_empty()))
        })
        .await
        .unwrap();
        assert_eq!(letters.len(), 1);
        let sequence = letters[0]["sequence"].to_string();
        assert!(sink.run(&["dead-letters", "show", &sequence]).unwrap().contains(broken));
        // Still broken: the replay says so and keeps it.
        assert!(sink.run(&["dead-letters", "replay", &sequence]).is_err());
        assert_eq!(dead_letters(sink).unwrap(), letters);
    }
}

/// One JSON object a line.
fn dead_letters(sink: &Program) -> Result<Vec<Value>> {
    let listed = sink.run(&["dead-letters", "list", "--json"])?;
    listed.lines().map(|line| serde_json::from_str(line).context("read a dead letter")).collect()
}
