//! What an HTTP server counts.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts};

use super::activity::TooSlow;
use super::connection::End;

/// What one server counts, each with the label `server`.
#[derive(Debug)]
pub(super) struct Metrics {
    open: IntGauge,
    ended: IntCounterVec,
    refused: IntCounter,
    accept_errors: IntCounter,
}

/// One open connection, until it is dropped.
pub(super) struct OpenConnection(IntGauge);

impl Metrics {
    pub(super) fn new(server: &str) -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| {
            Opts::new(format!("postcall_http_{name}"), help).const_label("server", server)
        };
        let metrics = Self {
            open: IntGauge::with_opts(opts("connections_open", "Connections that are open"))?,
            ended: IntCounterVec::new(
                opts("connections_ended_total", "Connections that have ended, by how"),
                &["end"],
            )?,
            refused: IntCounter::with_opts(opts(
                "connections_refused_total",
                "Connections that were closed at once, because as many as may be were at work",
            ))?,
            accept_errors: IntCounter::with_opts(opts(
                "accept_errors_total",
                "Connections that could not be taken, for want of files or memory",
            ))?,
        };
        let ways = [TooSlow::Head, TooSlow::Body, TooSlow::Idle, TooSlow::Reader].map(End::TooSlow);
        // Present from the start, so that an alert on an increase sees the first one.
        for end in ways.into_iter().chain([End::Closed, End::Displaced, End::Shutdown]) {
            metrics.ended.with_label_values(&[label(end)]);
        }
        Ok(metrics)
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.open.clone()),
            Box::new(self.ended.clone()),
            Box::new(self.refused.clone()),
            Box::new(self.accept_errors.clone()),
        ]
    }

    pub(super) fn open(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    pub(super) fn ended(&self, end: End) {
        self.ended.with_label_values(&[label(end)]).inc();
    }

    pub(super) fn refused(&self) {
        self.refused.inc();
    }

    pub(super) fn accept_failed(&self) {
        self.accept_errors.inc();
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn label(end: End) -> &'static str {
    match end {
        End::Closed => "closed",
        End::TooSlow(TooSlow::Head) => "head_timeout",
        End::TooSlow(TooSlow::Body) => "body_timeout",
        End::TooSlow(TooSlow::Idle) => "idle_timeout",
        End::TooSlow(TooSlow::Reader) => "write_timeout",
        End::Displaced => "displaced",
        End::Shutdown => "shutdown",
    }
}
