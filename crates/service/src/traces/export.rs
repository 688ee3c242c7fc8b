//! The way of spans to the collector: a bounded queue, and a thread that empties it. Nobody waits for either.

use std::fmt;
use std::sync::mpsc as threads;
use std::thread;
use std::time::Duration;

use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prometheus::core::Collector;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::metrics::Counts;
use super::settings::Settings;

/// How long a program that has ended waits for the last spans to be taken.
const END_LIMIT: Duration = Duration::from_secs(1);

/// Where spans go that have ended.
pub(super) struct Queue {
    spans_tx: mpsc::Sender<SpanData>,
    pub(super) counts: Counts,
}

/// The thread that exports, until this is dropped.
pub(super) struct Exporting {
    stop: CancellationToken,
    ended_rx: threads::Receiver<()>,
}

/// # Errors
/// The thread cannot be started.
pub(super) fn start(
    exporter: impl SpanExporter + 'static,
    settings: &Settings,
) -> anyhow::Result<(Queue, Exporting)> {
    let (spans_tx, spans_rx) = mpsc::channel(settings.queue);
    let (ended_tx, ended_rx) = threads::channel();
    let (counts, stop) = (Counts::new()?, CancellationToken::new());
    // A runtime of its own, so that it takes no turn of a call's.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let export = Export {
        exporter,
        counts: counts.clone(),
        spans_rx,
        batch: settings.batch,
        delay: settings.delay,
        stop: stop.clone(),
        fails: false,
    };
    thread::Builder::new().name("traces".to_owned()).spawn(move || {
        runtime.block_on(export.run());
        drop(ended_tx);
    })?;
    Ok((Queue { spans_tx, counts }, Exporting { stop, ended_rx }))
}

impl Queue {
    pub(super) fn add(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans_tx.try_send(span).is_err() {
            self.counts.queue_full.inc();
        }
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        self.counts.collectors()
    }
}

impl fmt::Debug for Exporting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Exporting").finish_non_exhaustive()
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        self.stop.cancel();
        if self.ended_rx.recv_timeout(END_LIMIT) == Err(threads::RecvTimeoutError::Timeout) {
            warn!("the collector has not taken the last spans within {END_LIMIT:?}: they are lost");
        }
    }
}

/// What the thread does.
struct Export<E> {
    exporter: E,
    counts: Counts,
    spans_rx: mpsc::Receiver<SpanData>,
    batch: usize,
    delay: Duration,
    stop: CancellationToken,
    /// The collector has not taken the last batch.
    fails: bool,
}

impl<E: SpanExporter> Export<E> {
    async fn run(mut self) {
        while let Some(batch) = self.next_batch().await {
            let number = batch.len() as u64;
            let result = self.exporter.export(batch).await;
            let counter = if result.is_ok() { &self.counts.exported } else { &self.counts.not_taken };
            counter.inc_by(number);
            let fails = result.is_err();
            if std::mem::replace(&mut self.fails, fails) == fails {
                continue;
            }
            match result {
                Ok(()) => info!("the collector takes spans again"),
                Err(error) => warn!(
                    %error,
                    "the collector takes no spans: they are dropped, and counted in postcall_traces_spans_dropped_total; nothing \
                     else waits for it"
                ),
            }
        }
    }

    /// The next spans, when there are as many as a request may have, or one has waited for long enough; `None` when there are no
    /// more and none will be wanted.
    async fn next_batch(&mut self) -> Option<Vec<SpanData>> {
        let mut batch = Vec::new();
        let first = self.stop.run_until_cancelled(self.spans_rx.recv_many(&mut batch, self.batch)).await;
        if first == Some(0) {
            return None;
        }
        let due = Instant::now() + self.delay;
        while batch.len() < self.batch {
            let room = self.batch - batch.len();
            let more = timeout_at(due, self.spans_rx.recv_many(&mut batch, room));
            match self.stop.run_until_cancelled(more).await {
                Some(Ok(1..)) => {}
                Some(_) => break,
                None => {
                    while batch.len() < self.batch
                        && let Ok(span) = self.spans_rx.try_recv()
                    {
                        batch.push(span);
                    }
                    break;
                }
            }
        }
        (!batch.is_empty()).then_some(batch)
    }
}
