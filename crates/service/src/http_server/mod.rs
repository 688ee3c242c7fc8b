//! The HTTP server of every program: bounded in connections, in time and in memory, whoever is at the other end.
//!
//! What a connection waits for is its `activity`, which has a deadline. At a limit of `connections`, the one that has
//! waited longest for its client makes place: whoever holds many without speaking holds up nobody else.

mod accept_errors;
mod activity;
mod body;
mod connection;
mod connections;
mod limits;
mod metrics;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use prometheus::core::Collector;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use accept_errors::AcceptErrors;
use connection::Connection;
use connections::Connections;
pub use limits::HttpLimits;
use metrics::Metrics;

use crate::file_limit;

/// Share of the open files that the connections of one server may take: the rest is for the program's own work.
const SHARE_OF_FILES: f64 = 0.75;
/// How long the kernel keeps sending to a client that acknowledges nothing.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// A server that listens, and serves once it is told what.
pub struct HttpServer {
    listener: TcpListener,
    limits: HttpLimits,
    metrics: Metrics,
}

impl HttpServer {
    /// Listens. `name` tells this server from others in the log and in the metrics; `setting` is where its address comes
    /// from.
    ///
    /// # Errors
    /// The address is taken, or is none of this machine.
    pub async fn bind(
        name: &str,
        setting: &str,
        address: SocketAddr,
        limits: HttpLimits,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listen for HTTP on {address} ({setting})"))?;
        info!(server = name, address = %listener.local_addr().context("read the HTTP address")?, "listening");
        Ok(Self { listener, limits: within_file_limit(limits), metrics: Metrics::new(name)? })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is no more.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What it counts, for the program's registry.
    pub fn metrics(&self) -> Vec<Box<dyn Collector>> {
        self.metrics.collectors()
    }

    /// Serves until `shutdown`; then lets the requests that have begun end, for a few seconds. Handlers find the client's
    /// address in `ConnectInfo<SocketAddr>`.
    pub async fn serve(self, router: Router, shutdown: CancellationToken) {
        let Self { listener, limits, metrics } = self;
        let (limits, metrics) = (Arc::new(limits), Arc::new(metrics));
        let connections = Arc::new(Connections::new(&limits));
        let tasks = TaskTracker::new();
        let forced = CancellationToken::new();
        let mut accept_errors = AcceptErrors::default();
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    metrics.accept_failed();
                    let Some(pause) = accept_errors.pause(&error) else { continue };
                    // The process may be out of files: one that only waits gives its file back.
                    connections.end_longest_waiting();
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(pause) => continue,
                    }
                }
            };
            accept_errors.none();
            let Some(place) = connections.admit(peer.ip()) else {
                metrics.refused();
                continue;
            };
            tune(&stream);
            let connection = Connection {
                peer,
                place,
                limits: Arc::clone(&limits),
                metrics: Arc::clone(&metrics),
                shutdown: shutdown.clone(),
            };
            let serving = connection.serve(stream, router.clone());
            let forced = forced.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = serving => {}
                    () = forced.cancelled() => {}
                }
            });
        }
        drop(listener);
        tasks.close();
        if tokio::time::timeout(limits.shutdown, tasks.wait()).await.is_err() {
            warn!(connections = tasks.len(), "connections were still open");
            forced.cancel();
            tasks.wait().await;
        }
    }
}

fn within_file_limit(mut limits: HttpLimits) -> HttpLimits {
    if let Some(files) = file_limit::soft() {
        let share = (files as f64 * SHARE_OF_FILES) as usize;
        limits.connections = limits.connections.min(share.max(1));
    }
    limits
}

fn tune(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    // Where the kernel knows these not, it serves without them.
    drop(socket.set_tcp_nodelay(true));
    drop(socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)));
}
