//! A server in this process whose limits are short enough for a test to wait for.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use futures::stream;
use prometheus::{Registry, TextEncoder};
use service::{HttpLimits, HttpServer};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// For a limit that the test does not wait for.
pub(crate) const LONG: Duration = Duration::from_secs(600);
/// For the limit that it waits for.
pub(crate) const SHORT: Duration = Duration::from_secs(1);

pub(crate) struct UnderTest {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    registry: Registry,
}

/// No limit of time is reached within a test.
pub(crate) fn patient() -> HttpLimits {
    HttpLimits {
        connections: 1_000,
        connections_of_an_address: 1_000,
        head: LONG,
        body: LONG,
        idle: LONG,
        write: LONG,
        ..HttpLimits::operations()
    }
}

impl UnderTest {
    pub(crate) async fn start(limits: HttpLimits) -> Self {
        let server = HttpServer::bind("test", "none", ([127, 0, 0, 1], 0).into(), limits).await.unwrap();
        let registry = Registry::new();
        server.metrics().into_iter().for_each(|collector| registry.register(collector).unwrap());
        let address = server.address().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(server.serve(router(), shutdown.clone()));
        Self { address, shutdown, serving, registry }
    }

    /// Waits until so many connections have ended in this way.
    pub(crate) async fn ended(&self, end: &str, count: usize) {
        let line = format!("postcall_http_connections_ended_total{{end=\"{end}\",server=\"test\"}} {count}");
        self.shows(&line).await;
    }

    /// Waits until the metrics have this line.
    pub(crate) async fn shows(&self, line: &str) {
        let shown = async {
            while !self.metrics().lines().any(|shown| shown == line) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let shown = tokio::time::timeout(PATIENCE, shown).await;
        assert!(shown.is_ok(), "{line} is not in\n{}", self.metrics());
    }

    fn metrics(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }
}

fn router() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()))
        .route("/echo", post(async |body: Bytes| body))
        .route("/ignore", post(async || "ignored"))
        .route("/slow", get(async || tokio::time::sleep(2 * SHORT).await))
        .route("/endless", get(async || Body::from_stream(stream::repeat_with(|| Ok::<_, String>(chunk())))))
}

fn chunk() -> Bytes {
    Bytes::from_static(&[b'x'; 16 * 1024])
}
