//! A collector of traces, as OTLP over HTTP has it: it keeps the spans that it is sent, or is as a broken one is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message as _;
use tokio::sync::oneshot;

/// Longest that spans are waited for on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// How a collector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It takes spans.
    Takes,
    /// It answers 400.
    Refuses,
    /// It never answers.
    Hangs,
}

/// A span as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedSpan {
    /// `service.name` of who told of it.
    pub service: String,
    /// In hex digits.
    pub trace: String,
    pub id: String,
    /// Empty where it has none.
    pub parent: String,
    pub name: String,
    pub kind: SpanKind,
    /// Nanoseconds since 1970.
    pub began: u64,
    pub ended: u64,
    pub attributes: BTreeMap<String, String>,
    /// Trace and span of each.
    pub links: Vec<(String, String)>,
    pub failed: bool,
}

/// A collector on a port of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: Spans,
    _stop_tx: oneshot::Sender<()>,
}

type Spans = Arc<Mutex<Vec<ReceivedSpan>>>;

impl Collector {
    /// On a thread of its own, so that tests need no runtime for it.
    ///
    /// # Panics
    /// There is no port for it.
    pub fn start(manner: Manner) -> Self {
        let (stop_tx, stop_rx) = oneshot::channel::<()>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        listener.set_nonblocking(true).expect("a listener of tokio's");
        let spans = Spans::default();
        let routes = Router::new().route("/v1/traces", post(take)).with_state((manner, Arc::clone(&spans)));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    served = async { axum::serve(listener, routes).await } => served.expect("serve"),
                    _ = stop_rx => {}
                }
            });
        });
        Self { address, spans, _stop_tx: stop_tx }
    }

    /// What a program is told, so that its spans come here, and soon.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        sent_soon_to(self.address)
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        lock(&self.spans).clone()
    }

    /// Waits until there are such spans; all there are then.
    ///
    /// # Panics
    /// They do not come.
    pub fn wait(&self, what: &str, there: impl Fn(&[ReceivedSpan]) -> bool) -> Vec<ReceivedSpan> {
        let started = Instant::now();
        loop {
            let spans = self.spans();
            if there(&spans) {
                return spans;
            }
            assert!(started.elapsed() < LIMIT, "{what}: not within {LIMIT:?}, but\n{}", drawn(&spans));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until spans of all these names have come; all there are then.
    ///
    /// # Panics
    /// They do not come.
    pub fn wait_for(&self, names: &[&str]) -> Vec<ReceivedSpan> {
        self.wait(&format!("{names:?}"), |spans| {
            names.iter().all(|name| spans.iter().any(|span| span.name == *name))
        })
    }
}

/// What a program is told, so that its spans go to this address, and soon.
pub(crate) fn sent_soon_to(address: SocketAddr) -> [(&'static str, String); 2] {
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}")),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
    ]
}

/// The one span of a name.
///
/// # Panics
/// There is none, or there are several.
pub fn only<'a>(spans: &'a [ReceivedSpan], name: &str) -> &'a ReceivedSpan {
    let named: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(named.len(), 1, "{name}\n{}", drawn(spans));
    named[0]
}

/// The spans whose parents are not among them, those of one trace together, in the order of their beginnings.
pub fn roots(spans: &[ReceivedSpan]) -> Vec<&ReceivedSpan> {
    let has_parent =
        |span: &ReceivedSpan| spans.iter().any(|other| other.trace == span.trace && other.id == span.parent);
    let mut roots: Vec<_> = spans.iter().filter(|span| !has_parent(span)).collect();
    roots.sort_by_key(|span| (&span.trace, span.began));
    roots
}

/// Traces as a person reads them: a line for each span, below its parent, in the order of their beginnings.
pub fn drawn(spans: &[ReceivedSpan]) -> String {
    let mut lines = String::new();
    let mut trace = "";
    let mut epoch = 0;
    for root in roots(spans) {
        if root.trace != trace {
            (trace, epoch) = (&root.trace, root.began);
            lines.push_str(&format!("trace {trace}\n"));
        }
        draw(root, spans, epoch, 0, &mut lines);
    }
    lines
}

fn draw(span: &ReceivedSpan, spans: &[ReceivedSpan], epoch: u64, depth: usize, lines: &mut String) {
    const TOLD: [&str; 12] = [
        "gen_ai.request.model",
        "gen_ai.tool.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "lk.response.ttft",
        "lk.response.ttfb",
        "lk.e2e_latency",
        "lk.close_reason",
        "postcall.turn",
        "postcall.outcome",
        "postcall.rows",
        "error.type",
    ];
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    let name = format!("{}{}", "  ".repeat(depth), span.name);
    let (at, took) = (seconds(span.began.saturating_sub(epoch)), seconds(span.ended - span.began));
    lines.push_str(&format!("  {at:>8.3} s {took:>8.3} s  {:<16} {name:<34}", span.service));
    for key in TOLD {
        if let Some(value) = span.attributes.get(key) {
            let key = key.rsplit('.').next().unwrap_or(key);
            lines.push_str(&format!(" {key}={value:.40}"));
        }
    }
    lines.truncate(lines.trim_end().len());
    lines.push('\n');
    let mut children: Vec<_> =
        spans.iter().filter(|child| child.trace == span.trace && child.parent == span.id).collect();
    children.sort_by_key(|child| child.began);
    for child in children {
        draw(child, spans, epoch, depth + 1, lines);
    }
}

async fn take(State((manner, spans)): State<(Manner, Spans)>, body: Bytes) -> StatusCode {
    match manner {
        Manner::Refuses => return StatusCode::BAD_REQUEST,
        Manner::Hangs => std::future::pending().await,
        Manner::Takes => {}
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    lock(&spans).extend(received(request));
    StatusCode::OK
}

/// The spans of a request, or of an answer, which has the same form.
pub(crate) fn received(request: ExportTraceServiceRequest) -> Vec<ReceivedSpan> {
    let mut all = Vec::new();
    for of_resource in request.resource_spans {
        let resource = texts(of_resource.resource.unwrap_or_default().attributes);
        let service = resource.get("service.name").cloned().unwrap_or_default();
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            all.push(ReceivedSpan {
                service: service.clone(),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                kind: span.kind(),
                name: span.name,
                began: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                attributes: texts(span.attributes),
                links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
                failed: span.status.is_some_and(|status| status.code() == SpanStatus::Error),
            });
        }
    }
    all
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::BoolValue(truth) => truth.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => format!("{number:.3}"),
        other => format!("{other:?}"),
    };
    let pair = |pair: KeyValue| Some((pair.key, text(pair.value?.value?)));
    attributes.into_iter().filter_map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock(spans: &Spans) -> MutexGuard<'_, Vec<ReceivedSpan>> {
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}
