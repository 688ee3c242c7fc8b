//! What every call passes: the key, the count, and the faults that concern any answer.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use secrecy::ExposeSecret;

use super::OpenAi;
use super::api_error::ApiError;
use super::faults::{Endpoint, Fault, Kind};

pub(crate) async fn pass(State(openai): State<OpenAi>, mut request: Request, next: Next) -> Response {
    if !has_key(&openai, &request) {
        return ApiError::invalid_api_key().into_response();
    }
    let Some(endpoint) = Endpoint::of(request.uri().path()) else { return next.run(request).await };
    let fault = {
        let mut state = openai.state();
        state.requests.count(endpoint);
        state.faults.take(endpoint)
    };
    let Some(fault) = fault else { return next.run(request).await };
    match fault.kind {
        Kind::Status => return refuse(&fault),
        Kind::Slow => tokio::time::sleep(fault.delay()).await,
        _ => {}
    }
    request.extensions_mut().insert(fault.clone());
    let response = next.run(request).await;
    match fault.kind {
        Kind::SlowStream => with_body(response, |parts| slowly(parts, fault.delay())),
        Kind::Cut => with_body(response, |parts| cut(parts, fault.after)),
        Kind::MalformedJson => malformed(response),
        _ => response,
    }
}

fn has_key(openai: &OpenAi, request: &Request) -> bool {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer ")) == Some(openai.config().api_key.expose_secret())
}

fn refuse(fault: &Fault) -> Response {
    let mut response = ApiError::injected(fault.status()).into_response();
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

type Part = Result<Bytes, axum::Error>;

fn with_body<S>(response: Response, change: impl FnOnce(axum::body::BodyDataStream) -> S) -> Response
where
    S: Stream<Item = Part> + Send + 'static,
{
    let (head, body) = response.into_parts();
    Response::from_parts(head, Body::from_stream(change(body.into_data_stream())))
}

fn slowly(parts: impl Stream<Item = Part>, delay: Duration) -> impl Stream<Item = Part> {
    parts.then(move |part| async move {
        tokio::time::sleep(delay).await;
        part
    })
}

/// `whole` parts, half of the next one, and then a connection that breaks.
fn cut(parts: impl Stream<Item = Part>, whole: usize) -> impl Stream<Item = Part> {
    let head = parts.take(whole + 1).enumerate().map(move |(number, part)| {
        part.map(|bytes| if number < whole { bytes } else { bytes.slice(..bytes.len() / 2) })
    });
    // The server writes what it has before it sees the error, if it is given the time.
    let broken = stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(axum::Error::new("cut on request"))
    });
    head.chain(broken)
}

/// A stream of events gets one that is no JSON behind its first; anything else becomes half an object.
fn malformed(response: Response) -> Response {
    let media =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.starts_with("text/event-stream") {
        let headers = [(CONTENT_TYPE, "application/json")];
        return (headers, "{\"text\": \"half an obj").into_response();
    }
    let mut response = with_body(response, |parts| {
        let broken = Bytes::from_static(b"data: {\"choices\": [{\"delta\": {\"content\n\n");
        parts.enumerate().flat_map(move |(number, part)| {
            let broken = (number == 0).then(|| Ok(broken.clone()));
            stream::iter([part]).chain(stream::iter(broken))
        })
    });
    response.headers_mut().remove(CONTENT_LENGTH);
    response
}
