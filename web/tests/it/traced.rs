//! A token is the beginning of its call's trace.

use serde_json::{Value, json};
use service::traces::{token_span_of, trace_of};
use test_servers::collector::{Collector, Manner, only};
use test_servers::eventually;

use crate::client::Client;
use crate::running::Running;

#[tokio::test]
async fn the_trace_of_a_call_begins_with_its_token() {
    let collector = Collector::start(Manner::Takes);
    let mut web = Running::start_in(&collector.environment());
    let mut client = Client::connect(1, web.http).await;
    let body = json!({ "user_email": "ann.lee@company.example" }).to_string();
    let answer: Value = serde_json::from_str(&client.token_with("", &body).await.body).unwrap();
    let room = answer["roomName"].as_str().unwrap();
    // What is refused begins no call.
    assert_eq!(client.token_with("", "{\"user_email\": \"nobody\"}").await.status, 400);
    let spans = collector.wait_for(&["POST connection-details"]);
    let span = only(&spans, "POST connection-details");
    assert_eq!((&span.trace, &span.id), (&trace_of(room).to_string(), &token_span_of(room).to_string()));
    assert_eq!((span.service.as_str(), span.parent.as_str()), ("web", ""));
    assert_eq!(span.attributes["session.id"], room);
    assert!(!format!("{spans:?}").contains("company"), "{spans:?}");
    eventually("it is counted", async || web.metric("postcall_traces_spans_exported_total ").await == 1)
        .await;
    assert!(web.terminate());
    assert_eq!(collector.spans().len(), 1);
}

#[tokio::test]
async fn a_collector_that_hangs_keeps_no_visitor_waiting() {
    let collector = Collector::start(Manner::Hangs);
    let few = ("OTEL_BSP_MAX_QUEUE_SIZE", "2".to_owned());
    let mut web = Running::start_in(&[&collector.environment()[..], &[few]].concat());
    let mut client = Client::connect(1, web.http).await;
    for _ in 0..20 {
        assert_eq!(client.token_with("", "{}").await.status, 200);
    }
    let dropped = web.metric("postcall_traces_spans_dropped_total{reason=\"queue_full\"} ").await;
    // Two wait, and two are on their way.
    assert!((16..20).contains(&dropped), "{dropped}");
    assert!(web.terminate());
}
