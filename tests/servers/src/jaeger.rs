//! A Jaeger: a collector of traces that is not ours.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde_json::Value;
use tempfile::TempDir;

use crate::collector::{ReceivedSpan, received, sent_soon_to};
use crate::program::Program;
use crate::{free_port, http, tool};

/// A Jaeger that keeps its traces in memory.
#[derive(Debug)]
pub struct Jaeger {
    server: Program,
    otlp: SocketAddr,
    query: SocketAddr,
    /// Last, so that it is removed after the server has ended.
    _folder: TempDir,
}

impl Jaeger {
    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    /// It does not.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("make a temporary folder");
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (otlp, query) = (local(free_port()), local(free_port()));
        let mut arguments = vec![
            format!("--collector.otlp.http.host-port={otlp}"),
            format!("--query.http-server.host-port={query}"),
        ];
        // What it listens on besides, and nobody here asks.
        for option in [
            "admin.http.host-port",
            "collector.grpc-server.host-port",
            "collector.http-server.host-port",
            "collector.otlp.grpc.host-port",
            "query.grpc-server.host-port",
        ] {
            arguments.push(format!("--{option}={}", local(free_port())));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let log = folder.path().join("log");
        let mut server = Program::new(tool("bin/jaeger"), &arguments, [], log);
        server.start().expect("start jaeger: run «make trace»");
        let jaeger = Self { server, otlp, query, _folder: folder };
        let started = Instant::now();
        while http::get(query, "/api/services").await.is_none() {
            let log = || jaeger.server.end_of_log();
            assert!(started.elapsed() < Duration::from_secs(60), "jaeger does not answer: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        jaeger
    }

    /// What a program is told, so that its spans come here, and soon.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        sent_soon_to(self.otlp)
    }

    /// All spans of the traces that have one of this service; none before the first has come.
    ///
    /// # Panics
    /// Jaeger answers something else.
    pub async fn spans(&self, service: &str) -> Vec<ReceivedSpan> {
        let path = format!(
            "/api/v3/traces?query.service_name={service}&query.num_traces=100\
             &query.start_time_min=2020-01-01T00:00:00Z&query.start_time_max=2200-01-01T00:00:00Z"
        );
        let (status, body) =
            http::get(self.query, &path).await.unwrap_or_else(|| panic!("{}", self.server.end_of_log()));
        if status == 404 {
            return Vec::new();
        }
        assert_eq!(status, 200, "{body}");
        let mut answer: Value = serde_json::from_str(&body).expect("an answer of Jaeger's");
        let spans = serde_json::from_value::<ExportTraceServiceRequest>(answer["result"].take());
        received(spans.expect("spans as OTLP has them in JSON"))
    }
}
