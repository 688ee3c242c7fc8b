//! What becomes of a message, in the trace of its call.

use std::time::Duration;

use async_nats::HeaderMap;
use schemas::names;
use service::traces::trace_of;
use test_servers::collector::{Collector, Manner, ReceivedSpan};
use test_servers::http::metric;

use crate::odd_store::{OddStore, Puts};
use crate::program::{Stage, event};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

async fn publish(stage: &Stage, traceparent: &str, payload: &str) {
    let mut headers = HeaderMap::new();
    headers.insert(names::header::TRACE_PARENT, traceparent);
    let payload = payload.to_owned().into();
    let ack = stage.jetstream.publish_with_headers(names::SESSION_ENDED_V1, headers, payload).await.unwrap();
    ack.await.unwrap();
}

fn of_session<'a>(spans: &'a [ReceivedSpan], name: &str, session: &str) -> &'a ReceivedSpan {
    let is_it = |span: &&ReceivedSpan| {
        span.name == name && span.attributes.get("session.id").is_some_and(|id| id == session)
    };
    spans.iter().find(is_it).unwrap_or_else(|| panic!("{name} of {session}: {spans:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_session_is_below_the_publish_that_its_header_names() {
    let mut stage = Stage::set_up().await;
    let collector = Collector::start(Manner::Takes);
    stage.environment.extend(collector.environment());
    let program = stage.run();
    publish(&stage, &format!("00-{TRACE}-{SPAN}-01"), &event("traced")).await;
    // An event of a publisher without traces is of its call's trace all the same; one that its publisher does not sample, of none.
    stage.publish("2", &event("untraced")).await;
    publish(&stage, "no header of W3C's", &event("odd")).await;
    publish(&stage, &format!("00-{TRACE}-{SPAN}-00"), &event("unsampled")).await;
    publish(&stage, &format!("00-{TRACE}-{SPAN}-01"), "no session").await;
    stage.all_settled().await;
    let spans = collector.wait("seven spans", |spans| spans.len() >= 7);
    program.terminate();
    assert_eq!(collector.spans().len(), 7, "{spans:?}");

    let process = of_session(&spans, "process sessions.ended.v1", "traced");
    assert_eq!((process.trace.as_str(), process.parent.as_str()), (TRACE, SPAN));
    assert_eq!(
        (process.service.as_str(), process.attributes["postcall.outcome"].as_str()),
        ("sink-s3", "archived")
    );
    let put = spans.iter().find(|span| span.name == "S3/PutObject" && span.trace == TRACE).unwrap();
    assert_eq!(put.parent, process.id);
    assert!(put.attributes["aws.s3.key"].ends_with("traced-AJ_1.json.gz"), "{put:?}");
    assert!(process.began <= put.began && put.ended <= process.ended);
    for session in ["untraced", "odd"] {
        let process = of_session(&spans, "process sessions.ended.v1", session);
        assert_eq!((&process.trace, process.parent.as_str()), (&trace_of(session).to_string(), ""));
    }
    let letter = spans.iter().find(|span| span.failed).unwrap();
    assert_eq!((letter.trace.as_str(), letter.parent.as_str()), (TRACE, SPAN));
    assert_eq!(letter.attributes["error.type"], "undecodable");
    let all = format!("{spans:?}");
    assert!(!all.contains("a@x.org") && !all.contains("x.org"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_is_told() {
    let mut stage = Stage::set_up().await;
    let collector = Collector::start(Manner::Takes);
    stage.environment.extend(collector.environment());
    let odd = OddStore::start(Puts::Refused(403, "AccessDenied")).await;
    stage.endpoint = odd.address;
    let program = stage.run();
    stage.publish("1", &event("refused")).await;
    let spans = collector.wait_for(&["S3/PutObject"]);
    let put = spans.iter().find(|span| span.name == "S3/PutObject").unwrap();
    assert!(put.failed && put.trace == trace_of("refused").to_string(), "{put:?}");
    assert_eq!(put.attributes["error.type"], "403");
    program.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_or_is_away_keeps_no_session_from_the_archive() {
    for manner in [Manner::Hangs, Manner::Refuses] {
        let mut stage = Stage::set_up().await;
        let collector = Collector::start(manner);
        stage.environment.extend(collector.environment());
        stage.environment.push(("OTEL_BSP_MAX_QUEUE_SIZE", "2".to_owned()));
        let program = stage.run();
        for number in 0..20 {
            stage.publish(&number.to_string(), &event(&number.to_string())).await;
        }
        stage.all_settled().await;
        assert_eq!(stage.store.objects(&stage.bucket).await.len(), 20);
        let reason = if manner == Manner::Hangs { "queue_full" } else { "not_taken" };
        let series = format!("postcall_traces_spans_dropped_total{{reason=\"{reason}\"}}");
        let dropped = metric(stage.http, &series).await;
        assert!(dropped >= 1.0, "{manner:?}: {dropped}");
        // A second for the spans, and what it takes without them on a busy machine.
        let took = program.terminate();
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_of_traces_that_cannot_be_used_is_told_at_once() {
    let mut stage = Stage::bare().await;
    stage.environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318".to_owned()));
    stage.environment.push(("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret".to_owned()));
    let log = stage.fail(&["run"]);
    assert!(log.contains("TRACES_ALLOW_PLAIN_TEXT=true") && !log.contains("api-key"), "{log}");
    assert!(stage.succeed(&["run", "--help"]).contains("[env: OTEL_EXPORTER_OTLP_ENDPOINT]"));
}
