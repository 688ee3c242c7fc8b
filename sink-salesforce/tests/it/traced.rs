//! What becomes of sessions, in the traces of their calls: alone, and in a batch, which has many parents.

use async_nats::HeaderMap;
use schemas::names;
use test_servers::collector::{Collector, Manner, ReceivedSpan, only};
use test_servers::{NatsServer, Process, eventually, free_port};

use crate::binary::{NAME, set_up, sink};
use crate::org::{LEAD, Org, session};

const TRACES: [&str; 3] = [
    "4bf92f3577b34da6a3ce929d0e0e4731",
    "4bf92f3577b34da6a3ce929d0e0e4732",
    "4bf92f3577b34da6a3ce929d0e0e4733",
];
const SPAN: &str = "00f067aa0ba902b7";

async fn publish(nats: &NatsServer, trace: &str, message: sink::Message) {
    let mut headers = HeaderMap::new();
    headers.insert(names::header::TRACE_PARENT, format!("00-{trace}-{SPAN}-01"));
    let jetstream = nats.jetstream().await;
    let ack =
        jetstream.publish_with_headers(names::SESSION_ENDED_V1, headers, message.payload).await.unwrap();
    ack.await.unwrap();
}

async fn settled(nats: &NatsServer) {
    let jetstream = nats.jetstream().await;
    eventually("all is settled", async || {
        test_servers::all_settled(&jetstream, names::SESSIONS_STREAM, NAME).await
    })
    .await;
}

fn process<'a>(spans: &'a [ReceivedSpan], trace: &str) -> &'a ReceivedSpan {
    let mut of_trace =
        spans.iter().filter(|span| span.name == "process sessions.ended.v1" && span.trace == trace);
    of_trace.next().unwrap_or_else(|| panic!("no span of {trace}: {spans:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_linked_with_the_calls_that_it_has_to_do_with() {
    let org = Org::start().await;
    let nats = NatsServer::start().await;
    let collector = Collector::start(Manner::Takes);
    set_up(&org, &nats);
    // They wait for it, so that they are one batch.
    publish(&nats, TRACES[0], session("one", "test@company.com", 7)).await;
    publish(&nats, TRACES[1], session("two", "nobody@nowhere.example", 8)).await;
    let http = format!("127.0.0.1:{}", free_port());
    let mut command = sink(&org, &nats);
    command.args(["run", "--http", &http]).envs(collector.environment());
    let mut program = Process::start(&mut command).unwrap();
    settled(&nats).await;
    publish(&nats, TRACES[2], session("three", "test@company.com", 9)).await;
    eventually("the Lead", async || org.field(LEAD, "Last_Voice_Session__c") == "three").await;
    settled(&nats).await;
    let spans = collector.wait("three settlements", |spans| {
        spans.iter().filter(|span| span.name == "process sessions.ended.v1").count() == 3
    });
    assert!(program.terminate().unwrap().success());

    let write = only(&spans, "write");
    let linked: Vec<_> = [0, 1].map(|index| process(&spans, TRACES[index])).into_iter().collect();
    let links: Vec<_> = linked.iter().map(|span| (span.trace.clone(), span.id.clone())).collect();
    assert_eq!((&write.links, write.parent.as_str()), (&links, ""));
    assert!(!TRACES.contains(&write.trace.as_str()));
    let outcomes = [("updated", true), ("no_match", true), ("updated", false)];
    for (trace, (outcome, in_batch)) in TRACES.iter().zip(outcomes) {
        let process = process(&spans, trace);
        assert_eq!(
            (process.parent.as_str(), process.attributes["postcall.outcome"].as_str()),
            (SPAN, outcome)
        );
        let link = [(write.trace.clone(), write.id.clone())];
        assert_eq!(process.links, if in_batch { &link[..] } else { &[] });
    }
    // What is asked of the org is below the batch, or below the session where it is alone.
    for parent in [write, process(&spans, TRACES[2])] {
        let below =
            |name: &str| spans.iter().filter(|span| span.name == name && span.parent == parent.id).count();
        assert_eq!((below("salesforce query") >= 1, below("salesforce update")), (true, 1), "{spans:?}");
    }
    let all = format!("{spans:?}");
    assert!(!all.contains('@') && !all.contains("company") && !all.contains("nowhere"), "{all}");
}
