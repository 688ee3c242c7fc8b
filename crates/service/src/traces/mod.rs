//! Traces, over OTLP: off unless the environment names a collector, and never in the way of what they tell of.
//!
//! A span is made when all of it is known, from what was recorded anyway, by functions without IO; nothing is open while a call
//! goes on. The ids of a call's first spans are made of the call itself ([`trace_of`], [`span_of`]), so that programs that never
//! speak to each other, and those that died, have one trace. A span that is made goes into a bounded queue, from which a thread of
//! its own exports; where there is no room it is dropped and counted.

mod current;
mod export;
mod ids;
mod metrics;
mod resource;
mod settings;
mod span;
#[cfg(test)]
mod tests;
mod traceparent;

use std::sync::OnceLock;

use anyhow::Context as _;
use opentelemetry::trace::{SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _, SpanExporter as _};
use prometheus::core::Collector;

pub use current::{client_span, within};
use export::{Exporting, Queue};
pub use ids::{new_span, new_trace, span_of, token_span_of, trace_of};
pub use settings::HELP;
use settings::Settings;
pub use span::Span;
pub use traceparent::{read_traceparent, traceparent};

pub use opentelemetry::trace::{SpanContext, SpanKind};
pub use opentelemetry_sdk::trace::SpanData;

/// One for a process, as its log is; none while traces are off.
static TRACER: OnceLock<Tracer> = OnceLock::new();

/// What spans need to come to the collector.
struct Tracer {
    sampler: Sampler,
    scope: InstrumentationScope,
    queue: Queue,
    captures_content: bool,
}

/// The traces of a program, until it is dropped: then what waits is exported, for a second at most.
#[derive(Debug)]
pub struct Traces {
    _exporting: Option<Exporting>,
}

/// Turns traces on, where the environment says so. Once in a process, in its runtime, when the provider of cryptography is
/// installed.
///
/// # Errors
/// A variable that cannot be used.
pub fn start(program: &'static str) -> anyhow::Result<Traces> {
    let Some(settings) = Settings::read(|name| std::env::var(name).ok())? else {
        return Ok(Traces { _exporting: None });
    };
    let exporter = SpanExporter::builder().with_http().with_protocol(settings::PROTOCOL).build();
    let mut exporter = exporter.context("export traces")?;
    exporter.set_resource(&resource::of(program));
    let (queue, exporting) =
        export::start(exporter, &settings).context("start the thread that exports traces")?;
    let scope = InstrumentationScope::builder("postcall").with_version(env!("CARGO_PKG_VERSION")).build();
    let tracer =
        Tracer { sampler: settings.sampler, scope, queue, captures_content: settings.captures_content };
    if TRACER.set(tracer).is_err() {
        anyhow::bail!("traces were turned on twice");
    }
    tracing::info!(endpoint = settings.endpoint, "traces are exported");
    Ok(Traces { _exporting: Some(exporting) })
}

/// The context of a span with which a trace, or a program's part of one, begins; `None` while traces are off. Whether it is sampled
/// follows from its trace's id alone, so programs with the same settings agree.
pub fn beginning(trace: TraceId, span: SpanId) -> Option<SpanContext> {
    let sampled = TRACER.get()?.samples(None, trace);
    Some(context_of(trace, span, sampled))
}

/// Whether traces are on.
pub fn are_on() -> bool {
    TRACER.get().is_some()
}

/// The context of a span that begins a trace for the sake of others that are sampled.
pub fn sampled(trace: TraceId) -> SpanContext {
    context_of(trace, new_span(), true)
}

/// The context of a new span below one that another program has told of; `None` while traces are off.
pub fn below(parent: &SpanContext) -> Option<SpanContext> {
    let sampled = TRACER.get()?.samples(Some(parent), parent.trace_id());
    Some(context_of(parent.trace_id(), new_span(), sampled))
}

/// The context of a new span below one of this program's own.
pub fn child(parent: &SpanContext) -> SpanContext {
    context_of(parent.trace_id(), new_span(), parent.is_sampled())
}

/// The context of a span whose id is known, of the same trace and as sampled as another.
pub fn beside(other: &SpanContext, span: SpanId) -> SpanContext {
    context_of(other.trace_id(), span, other.is_sampled())
}

/// Hands spans to the exporter. Those that are not sampled, and all while traces are off, are forgotten.
pub fn record(spans: impl IntoIterator<Item = Span>) {
    let Some(tracer) = TRACER.get() else { return };
    for span in spans {
        tracer.queue.add(span.finished(&tracer.scope));
    }
}

/// Whether spans may have what was said in them.
pub fn capture_content() -> bool {
    TRACER.get().is_some_and(|tracer| tracer.captures_content)
}

/// What is counted of spans; nothing while traces are off.
pub fn collectors() -> Vec<Box<dyn Collector>> {
    TRACER.get().map(|tracer| tracer.queue.collectors()).unwrap_or_default()
}

impl Tracer {
    fn samples(&self, parent: Option<&SpanContext>, trace: TraceId) -> bool {
        let parent = parent.map(|parent| Context::new().with_remote_span_context(parent.clone()));
        let sampled = self.sampler.should_sample(parent.as_ref(), trace, "", &SpanKind::Internal, &[], &[]);
        sampled.decision == SamplingDecision::RecordAndSample
    }
}

fn context_of(trace: TraceId, span: SpanId, sampled: bool) -> SpanContext {
    let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    SpanContext::new(trace, span, flags, false, TraceState::NONE)
}
