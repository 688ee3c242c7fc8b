//! What becomes of spans, counted.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, Opts};

/// Spans that were exported, and that were dropped, by the reason.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    pub(super) exported: IntCounter,
    /// There was no room in the queue.
    pub(super) queue_full: IntCounter,
    /// The collector did not take them.
    pub(super) not_taken: IntCounter,
    dropped: IntCounterVec,
}

impl Counts {
    pub(super) fn new() -> prometheus::Result<Self> {
        let dropped =
            Opts::new("postcall_traces_spans_dropped_total", "Spans that were not exported, by the reason");
        let dropped = IntCounterVec::new(dropped, &["reason"])?;
        Ok(Self {
            exported: IntCounter::new(
                "postcall_traces_spans_exported_total",
                "Spans that the collector has taken",
            )?,
            queue_full: dropped.with_label_values(&["queue_full"]),
            not_taken: dropped.with_label_values(&["not_taken"]),
            dropped,
        })
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![Box::new(self.exported.clone()), Box::new(self.dropped.clone())]
    }
}
