//! What keeps a sink from its work, shown on `/readyz`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use service::{HttpLimits, HttpServer, operations_routes, serve_operations};
use tokio_util::sync::CancellationToken;

use crate::consume::metrics::Metrics;
use crate::streams::link::Link;

/// What can keep a sink from its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The connection, the stream, or the durable consumer.
    Queue,
    /// The durable consumer is there, and not as it must be.
    Consumer,
    /// Answers that the server refuses.
    Acks,
    /// Messages that cannot be received.
    Messages,
    /// The consumer delivers no more, because as many messages as it may have wait for another try.
    Window,
    /// The store refused a write.
    Store,
    /// The store did not answer a probe as it should.
    Probe,
    /// A dead letter could not be stored.
    DeadLetters,
}

/// Ready, or the reasons why not.
#[derive(Debug)]
pub(crate) struct Readiness(Mutex<BTreeMap<Part, String>>);

impl Readiness {
    /// Not ready until the queue and the store were reached.
    pub(crate) fn starting() -> Self {
        let starting = [Part::Queue, Part::Probe].map(|part| (part, "starting".to_owned()));
        Self(Mutex::new(BTreeMap::from(starting)))
    }

    /// Sets or clears the reason of one part; says whether that changed anything.
    pub(crate) fn set(&self, part: Part, state: Result<(), String>) -> bool {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state {
            Ok(()) => reasons.remove(&part).is_some(),
            Err(reason) => reasons.insert(part, reason.clone()) != Some(reason),
        }
    }

    /// What keeps the sink from its work now.
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// One line for each reason; none when ready.
    pub(crate) fn reasons(&self) -> Option<String> {
        let reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> =
            reasons.iter().map(|(part, reason)| format!("{}: {reason}\n", part.label())).collect();
        (!lines.is_empty()).then(|| lines.concat())
    }
}

impl Part {
    pub(crate) const ALL: [Self; 8] = [
        Self::Queue,
        Self::Consumer,
        Self::Acks,
        Self::Messages,
        Self::Window,
        Self::Store,
        Self::Probe,
        Self::DeadLetters,
    ];

    /// As the metrics show it.
    pub(crate) fn metrics_label(self) -> String {
        self.label().replace(' ', "_")
    }

    fn label(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Consumer => "consumer",
            Self::Acks => "acks",
            Self::Messages => "messages",
            Self::Window => "window",
            Self::Store => "store",
            Self::Probe => "store probe",
            Self::DeadLetters => "dead letters",
        }
    }
}

/// The setting of the address of `/healthz`, `/readyz` and `/metrics`, such as `SINK_S3_HTTP`.
pub(crate) fn http_setting(sink: &str) -> String {
    format!("{}_HTTP", sink.to_uppercase().replace('-', "_"))
}

/// What the pages show.
pub(crate) struct Pages {
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) metrics: Arc<Metrics>,
    /// The sink's connections to NATS.
    pub(crate) links: [Link; 2],
}

/// Listens at once, and serves `/healthz`, `/readyz` and `/metrics` until a few seconds after `stop` at most.
pub(crate) async fn listen(
    sink: &str,
    address: SocketAddr,
    pages: Pages,
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = ()>> {
    let server = HttpServer::bind(sink, &http_setting(sink), address, HttpLimits::operations()).await?;
    let pages = Arc::new(pages);
    pages.metrics.add(server.metrics())?;
    let readiness = Arc::clone(&pages.readiness);
    let ready = move || {
        let reasons = readiness.reasons();
        std::future::ready(reasons.map_or_else(|| Ok("ready\n".to_owned()), Err))
    };
    let registry = move || {
        let connected = pages.links.iter().all(Link::is_connected);
        pages.metrics.registry(connected, &pages.readiness.parts())
    };
    Ok(serve_operations(server, operations_routes(ready, registry), stop))
}
