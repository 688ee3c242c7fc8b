//! What the environment may say, ids that follow from a call, what stands in a span, and a collector that is slow, away, or takes
//! nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanId, Status};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SamplingDecision, SpanData, SpanExporter};

use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Option<Settings>, String> {
    let variables: HashMap<_, _> = pairs.iter().copied().collect();
    Settings::read(|name| variables.get(name).map(|value| (*value).to_owned()))
        .map_err(|error| format!("{error:#}"))
}

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

#[test]
fn traces_are_on_where_there_is_an_address() {
    assert!(read(&[]).unwrap().is_none());
    assert!(
        read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_TRACES_SAMPLER", "nonsense")]).unwrap().is_none()
    );
    assert!(read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")]).unwrap().is_none());
    assert!(read(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")]).unwrap().is_none());
    let settings = read(&[ENDPOINT]).unwrap().unwrap();
    assert_eq!((settings.queue, settings.batch, settings.delay), (2_048, 512, Duration::from_secs(5)));
    assert!(!settings.captures_content);
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector.example/v1/traces");
    let content = ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true");
    let few = [("OTEL_BSP_MAX_QUEUE_SIZE", "10"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")];
    let settings = read(&[ENDPOINT, traces, content, few[0], few[1]]).unwrap().unwrap();
    assert_eq!((settings.endpoint.as_str(), settings.queue, settings.batch), (traces.1, 10, 10));
    assert!(settings.captures_content);
}

#[test]
fn what_cannot_be_used_is_refused() {
    for (name, value, told) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "has to begin with http://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ann:secret@collector", "has a login in it"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf only"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "none of always_on"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "not between 0 and 1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "5s", "is no number"),
    ] {
        let error = read(&[ENDPOINT, ("OTEL_TRACES_SAMPLER", "traceidratio"), (name, value)]).unwrap_err();
        assert!(error.contains(told) && error.contains(name) && !error.contains("secret"), "{error}");
    }
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret");
    let elsewhere = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318");
    let error = read(&[headers, elsewhere]).unwrap_err();
    assert!(error.contains("TRACES_ALLOW_PLAIN_TEXT=true") && !error.contains("secret"), "{error}");
    for allowed in [("TRACES_ALLOW_PLAIN_TEXT", "true"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example")]
    {
        assert!(read(&[headers, elsewhere, allowed]).is_ok());
    }
    assert!(read(&[headers, ENDPOINT]).is_ok() && read(&[elsewhere]).is_ok());
}

fn sampled(sampler: &str, share: &str, trace: TraceId, parent: Option<bool>) -> bool {
    let pairs = [ENDPOINT, ("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", share)];
    let sampler = read(&pairs).unwrap().unwrap().sampler;
    let parent = parent
        .map(|sampled| Context::new().with_remote_span_context(context_of(trace, SpanId::from(1), sampled)));
    let result = sampler.should_sample(parent.as_ref(), trace, "", &SpanKind::Internal, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

/// Each program decides for itself, by nothing but the call.
#[test]
fn programs_agree_on_which_calls_are_traced() {
    let traces: Vec<_> = (0..1_000).map(|number| trace_of(&format!("room_{number}"))).collect();
    let chosen =
        traces.iter().filter(|trace| sampled("parentbased_traceidratio", "0.25", **trace, None)).count();
    assert!((200..300).contains(&chosen), "{chosen} of 1,000");
    for trace in traces {
        let by_id = sampled("traceidratio", "0.25", trace, None);
        assert_eq!(sampled("parentbased_traceidratio", "0.25", trace, None), by_id);
        assert_eq!(sampled("traceidratio", "0.25", trace, Some(!by_id)), by_id);
        assert_eq!(sampled("parentbased_traceidratio", "0.25", trace, Some(by_id)), by_id);
    }
}

#[test]
fn ids_follow_from_the_call_and_from_nothing_else() {
    assert_eq!(trace_of("room").to_string().len(), 32);
    assert_eq!(trace_of("room"), trace_of("room"));
    assert_ne!(trace_of("room"), trace_of("room2"));
    assert_eq!(span_of("job", "room", "AJ_1"), span_of("job", "room", "AJ_1"));
    // No two lists of parts are the same bytes.
    assert_ne!(span_of("job", "room", "AJ_1"), span_of("job", "roomA", "J_1"));
    assert_ne!(span_of("job", "room", ""), span_of("jobr", "oom", ""));
}

fn span() -> Span {
    let now = SystemTime::now();
    Span::new(context_of(trace_of("room"), SpanId::from(7), true), None, "a span", now, now)
}

#[test]
fn no_text_of_a_span_shows_an_address_or_has_no_end() {
    let long = format!("ann@company.com {}", "é".repeat(5_000));
    let data = span()
        .with_text("a", "to ann@company.com")
        .with_text("b", &long)
        .with_content("c", Some(&long))
        .with_content("d", None)
        .failed("timeout")
        .into_data();
    let texts: Vec<_> =
        data.attributes.iter().map(|pair| (pair.key.as_str(), pair.value.as_str().into_owned())).collect();
    assert_eq!(texts[0], ("a", "to a***@company.com".to_owned()));
    assert!(texts[1].1.starts_with("a***@company.com ") && texts[1].1.len() <= 256);
    assert!(texts[2].1.starts_with("a***@company.com ") && texts[2].1.len() <= 4_096);
    assert_eq!(texts[3], ("error.type", "timeout".to_owned()));
    assert!(matches!(data.status, Status::Error { .. }));
}

#[test]
fn a_span_ends_no_earlier_than_it_begins_and_has_no_links_without_end() {
    let (earlier, now) = (SystemTime::UNIX_EPOCH, SystemTime::now());
    let context = context_of(trace_of("room"), SpanId::from(7), true);
    let mut span = Span::new(context.clone(), None, "a span", now, earlier);
    for _ in 0..300 {
        span = span.linked_to(&context);
    }
    let data = span.into_data();
    assert_eq!((data.start_time, data.end_time), (now, now));
    assert_eq!((data.links.links.len(), data.links.dropped_count), (256, 44));
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Collector {
    Takes,
    Refuses,
    Hangs,
}

/// A collector, and how many spans each of its batches had.
#[derive(Debug, Clone)]
struct Fake(Collector, Arc<Mutex<Vec<usize>>>);

impl SpanExporter for Fake {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.1.lock().unwrap().push(batch.len());
        match self.0 {
            Collector::Takes => Ok(()),
            Collector::Refuses => Err(OTelSdkError::InternalFailure("it refuses".to_owned())),
            Collector::Hangs => std::future::pending().await,
        }
    }
}

/// Gives so many spans to an exporter, ends it, and says how long both took, what it was given, and its counts: exported, not taken,
/// without room.
fn export(collector: Collector, spans: usize) -> ([Duration; 2], Vec<usize>, [u64; 3]) {
    let few = [("OTEL_BSP_MAX_QUEUE_SIZE", "100"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "40")];
    let settings = read(&[ENDPOINT, few[0], few[1]]).unwrap().unwrap();
    let fake = Fake(collector, Arc::default());
    let (queue, exporting) = super::export::start(fake.clone(), &settings).unwrap();
    let scope = InstrumentationScope::builder("test").build();
    let began = Instant::now();
    for _ in 0..spans {
        queue.add(span().finished(&scope));
    }
    let added = began.elapsed();
    let ending = Instant::now();
    drop(exporting);
    let counts = [&queue.counts.exported, &queue.counts.not_taken, &queue.counts.queue_full];
    let given = fake.1.lock().unwrap().clone();
    ([added, ending.elapsed()], given, counts.map(prometheus::IntCounter::get))
}

#[test]
fn what_waits_is_exported_at_the_end() {
    let (_, given, counts) = export(Collector::Takes, 90);
    assert_eq!((given.iter().sum::<usize>(), counts), (90, [90, 0, 0]));
    assert!(given.iter().all(|spans| *spans <= 40), "{given:?}");
    assert_eq!(export(Collector::Takes, 0).1, [0; 0]);
}

#[test]
fn what_a_collector_refuses_is_counted() {
    assert_eq!(export(Collector::Refuses, 90).2, [0, 90, 0]);
}

#[test]
fn a_collector_that_hangs_keeps_nobody_waiting() {
    let ([adding, ending], given, counts) = export(Collector::Hangs, 10_000);
    // What does not fit is dropped; a second at most is waited for the rest, whatever a busy machine adds.
    assert!(adding < Duration::from_secs(5) && ending < Duration::from_secs(8), "{adding:?} {ending:?}");
    assert!(ending >= Duration::from_secs(1), "{ending:?}");
    assert_eq!(given.len(), 1, "{given:?}");
    assert!(counts[2] >= 10_000 - 100 - 40 && counts[2] < 10_000, "{counts:?}");
}

#[test]
fn what_is_not_sampled_is_not_exported() {
    let settings = read(&[ENDPOINT]).unwrap().unwrap();
    let fake = Fake(Collector::Takes, Arc::default());
    let (queue, exporting) = super::export::start(fake.clone(), &settings).unwrap();
    let now = SystemTime::now();
    let unsampled = Span::new(context_of(trace_of("room"), SpanId::from(7), false), None, "a span", now, now);
    queue.add(unsampled.into_data());
    drop(exporting);
    assert_eq!(*fake.1.lock().unwrap(), [0; 0]);
}

/// Without [`start`] everything here does nothing.
#[tokio::test]
async fn while_traces_are_off_nothing_is_made() {
    assert!(beginning(trace_of("room"), span_of("job", "room", "")).is_none() && collectors().is_empty());
    record([span()]);
    assert!(!capture_content());
    let described = client_span("call", async { 7 }, |_, _| panic!("a span while traces are off")).await;
    assert_eq!(described, 7);
}
