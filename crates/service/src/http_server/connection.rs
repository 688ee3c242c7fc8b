//! Serves one connection until it has ended, by itself or because it took too long.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::HttpLimits;
use super::activity::{Activity, TooSlow};
use super::body::{AnswerBody, RequestBody};
use super::connections::Place;
use super::metrics::Metrics;
use super::stream::WatchedStream;

/// Longest head of a request, in bytes.
const LONGEST_HEAD: usize = 32 * 1024;
/// Most headers of a request.
const MOST_HEADERS: usize = 100;
/// Most bytes that are read ahead, and that wait to be written.
const BUFFER: usize = 64 * 1024;

/// A connection that was admitted, and what it is served with.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) place: Place,
    pub(super) limits: Arc<HttpLimits>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) shutdown: CancellationToken,
}

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By the client, by an error of it, or after an answer that was the last.
    Closed,
    /// The client did not keep to a limit of time.
    TooSlow(TooSlow),
    /// Another connection got its place.
    Displaced,
    /// The connection was between two requests at the shutdown.
    Shutdown,
}

impl Connection {
    pub(super) async fn serve(self, stream: TcpStream, router: Router) {
        let _open = self.metrics.open();
        let end = self.until_end(stream, router).await;
        self.metrics.ended(end);
    }

    /// All that happens on a connection happens within one future, so its deadline is looked at after each step.
    async fn until_end(&self, stream: TcpStream, router: Router) -> End {
        let activity = &self.place.activity;
        let service = service_fn(|request| answer(request, self.peer, Arc::clone(activity), router.clone()));
        let stream = WatchedStream { stream, activity: Arc::clone(activity) };
        let serving = http1::Builder::new()
            // The activity's deadline takes its place: it tells a new request from a connection that is kept alive.
            .header_read_timeout(None::<Duration>)
            .max_headers(MOST_HEADERS)
            .max_header_size(LONGEST_HEAD)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream), service);
        let mut serving = pin!(serving);
        let mut displaced = pin!(self.place.displaced.cancelled());
        let mut shutdown = pin!(self.shutdown.cancelled());
        let mut told_to_end = false;
        let mut alarm = pin!(tokio::time::sleep_until(Instant::now()));
        poll_fn(|context| {
            if !told_to_end && shutdown.as_mut().poll(context).is_ready() {
                told_to_end = true;
                if activity.is_between_requests() {
                    return Poll::Ready(End::Shutdown);
                }
                serving.as_mut().graceful_shutdown();
            }
            // What an error of the client's was is the client's to know.
            if serving.as_mut().poll(context).is_ready() {
                return Poll::Ready(End::Closed);
            }
            if displaced.as_mut().poll(context).is_ready() {
                return Poll::Ready(End::Displaced);
            }
            let Some((deadline, too_slow)) = activity.deadline(&self.limits) else { return Poll::Pending };
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            alarm.as_mut().poll(context).map(|()| End::TooSlow(too_slow))
        })
        .await
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    activity: Arc<Activity>,
    router: Router,
) -> Result<hyper::Response<AnswerBody>, Infallible> {
    activity.request_began(!request.body().is_end_stream(), Instant::now());
    let body_activity = Arc::clone(&activity);
    let mut request: Request = request.map(|body| Body::new(RequestBody { body, activity: body_activity }));
    request.extensions_mut().insert(ConnectInfo(peer));
    let answer = router.oneshot(request).await?;
    Ok(answer.map(|body| AnswerBody { body, activity }))
}
