//! What every call passes: the key or the token, the count, and the faults that concern any answer.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::OpenAi;
use super::api_error::ApiError;
use super::faults::Fault;
use super::faults::endpoint::Endpoint;
use super::faults::kind::Kind;
use crate::inference::quota::{self, Exceeded};
use crate::inference::{Refusal, token};

/// What a socket is opened with.
#[derive(Clone, Default)]
pub(crate) struct Admission {
    /// What strikes it.
    pub(crate) fault: Option<Fault>,
    /// When it ends, because its token does.
    pub(crate) expires: Option<Instant>,
}

/// Who calls.
enum Caller {
    /// Somebody with OpenAI's key.
    OpenAi,
    /// A project of the gateway. Its sockets may end with its token.
    Gateway { expires: Option<Instant> },
}

/// Nobody who may call.
enum Refused {
    OpenAi(ApiError),
    Gateway(Refusal),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::OpenAi(error) => error.into_response(),
            Self::Gateway(refusal) => refusal.into_response(),
        }
    }
}

pub(crate) async fn pass(State(openai): State<OpenAi>, mut request: Request, next: Next) -> Response {
    let endpoint = Endpoint::of(request.uri().path());
    let caller = match identify(&openai, &request, endpoint) {
        Ok(caller) => caller,
        Err(refused) => return unheard(request, refused).await,
    };
    let Some(endpoint) = endpoint else { return next.run(request).await };
    let fault = {
        let mut state = openai.state();
        state.requests.count(endpoint);
        state.faults.take(endpoint)
    };
    match &fault {
        Some(fault) if fault.kind == Kind::Status => return unheard(request, refuse(fault)).await,
        Some(fault) if fault.kind == Kind::Quota => {
            return unheard(request, Exceeded::new(endpoint, &fault.text, 0)).await;
        }
        Some(fault) if fault.kind == Kind::Slow => tokio::time::sleep(fault.delay()).await,
        _ => {}
    }
    match caller {
        Caller::Gateway { .. } if endpoint == Endpoint::Chat => {
            let used = match quota::admit_request(&openai) {
                Ok(used) => used,
                Err(exceeded) => return unheard(request, exceeded).await,
            };
            let mut response = answer(fault, request, next).await;
            if let Some((limit, used)) = used {
                quota::stamp(&mut response, "rpm", limit, used);
            }
            response
        }
        _ if endpoint.is_socket() => {
            let expires = if let Caller::Gateway { expires } = caller { expires } else { None };
            request.extensions_mut().insert(Admission { fault, expires });
            next.run(request).await
        }
        _ => answer(fault, request, next).await,
    }
}

/// Answers once the request has come to its end: a client whose connection is closed while it still sends loses the answer.
async fn unheard(request: Request, answer: impl IntoResponse) -> Response {
    let mut parts = request.into_body().into_data_stream();
    while let Some(Ok(_)) = parts.next().await {}
    answer.into_response()
}

/// Speech to text and text to speech over sockets are the gateway's alone, and what has no other form is OpenAI's alone. A
/// token is told from a key by its form.
fn identify(openai: &OpenAi, request: &Request, endpoint: Option<Endpoint>) -> Result<Caller, Refused> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let of_the_gateway = match endpoint {
        Some(Endpoint::Stt | Endpoint::Tts) => true,
        Some(Endpoint::Speech | Endpoint::Transcriptions | Endpoint::Realtime) => false,
        Some(Endpoint::Chat) | None => token::is_signed(bearer),
    };
    if !of_the_gateway {
        let is_key = bearer == openai.config().api_key.expose_secret();
        return is_key.then_some(Caller::OpenAi).ok_or_else(|| Refused::OpenAi(ApiError::invalid_api_key()));
    }
    let lifetime = openai.settings().token_lifetime();
    let admitted = match openai.gateway_keys() {
        Some(keys) => keys.admit(bearer, SystemTime::now(), lifetime),
        None => Err(Refusal::unauthorized("the simulator has no pair of LiveKit's keys")),
    };
    let left = admitted.map_err(Refused::Gateway)?;
    Ok(Caller::Gateway { expires: lifetime.map(|_| Instant::now() + left) })
}

async fn answer(fault: Option<Fault>, mut request: Request, next: Next) -> Response {
    let Some(fault) = fault else { return next.run(request).await };
    request.extensions_mut().insert(fault.clone());
    let response = next.run(request).await;
    match fault.kind {
        Kind::SlowStream => with_body(response, |parts| slowly(parts, fault.delay())),
        Kind::Cut => with_body(response, |parts| cut(parts, fault.after)),
        Kind::MalformedJson => malformed(response),
        _ => response,
    }
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
