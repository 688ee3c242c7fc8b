//! A server that does to each request what it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use secrecy::SecretString;
use service::SecretSource;
use tokio::net::TcpListener;

use super::http_client;
use crate::providers::KEPT_CONNECTIONS;
use crate::providers::chat_completions::ChatCompletions;
use crate::providers::credential::Credential;
use crate::providers::error::Provider;
use crate::providers::health::Health;
use crate::providers::key::Key;
use crate::providers::request::{Endpoint, Limits};
use crate::providers::services::Services;
use crate::providers::text_to_speech::{SoundFormat, SpeechRequests};
use crate::providers::transcriptions::Transcriptions;
use crate::providers::usage::ServiceName;

/// Short enough for tests, long enough for a busy machine.
pub(super) const LIMITS: Limits = Limits {
    answer: Duration::from_millis(1_500),
    idle: Duration::from_millis(1_500),
    retries: 3,
    first_pause: Duration::from_millis(5),
    pause: Duration::from_millis(20),
};

/// What the server does with one request.
#[derive(Clone)]
pub(super) enum Act {
    /// Answers with a status, headers and a body in pieces.
    Answer(u16, Vec<(&'static str, &'static str)>, Vec<Vec<u8>>),
    /// Sends pieces, then breaks the connection.
    Break(&'static str, Vec<Vec<u8>>),
    /// Sends a piece again and again, ten times a second.
    Drip(&'static str, &'static str),
    /// Sends pieces, then nothing more.
    Stall(&'static str, Vec<Vec<u8>>),
    /// Takes the request, and never answers.
    Silence,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) base: String,
    /// What is known of the providers that its services are.
    pub(super) health: Health,
    acts: Arc<Mutex<VecDeque<Act>>>,
    received: Arc<Mutex<Vec<Received>>>,
    /// Answers that do not end, and whose callers still wait.
    open: Arc<AtomicUsize>,
}

impl Server {
    /// Does these one after the other; then it fails with 501.
    pub(super) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/prefix", listener.local_addr().unwrap());
        let acts = Arc::new(Mutex::new(acts.into_iter().collect()));
        let server =
            Self { base, health: Health::default(), acts, received: Arc::default(), open: Arc::default() };
        let app = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        server
    }

    fn endpoint(&self, provider: Provider) -> Endpoint {
        let key = Key::read(SecretSource::Value(SecretString::from("k3y"))).now_or_never();
        self.endpoint_with(provider, key.unwrap().unwrap())
    }

    fn endpoint_with(&self, provider: Provider, key: Key) -> Endpoint {
        let credential = Credential::Key(key);
        let (http, base) = (http_client(KEPT_CONNECTIONS), self.base.parse().unwrap());
        Endpoint { provider, http, base, credential, limits: LIMITS }
    }

    pub(super) fn speech_to_text(&self) -> Transcriptions {
        Transcriptions::new(self.endpoint(Provider::SpeechToText), "hear-1")
    }

    pub(super) fn speech_to_text_with(&self, key: Key) -> Transcriptions {
        Transcriptions::new(self.endpoint_with(Provider::SpeechToText, key), "hear-1")
    }

    pub(super) fn language_model(&self) -> ChatCompletions {
        ChatCompletions::new(
            self.endpoint(Provider::LanguageModel),
            "think-1",
            Some(0.5),
            r#"{"reasoning_effort": "none"}"#.parse().unwrap(),
        )
    }

    pub(super) fn text_to_speech(&self) -> SpeechRequests {
        SpeechRequests::new(self.endpoint(Provider::TextToSpeech), "speak-1", SoundFormat::Pcm, 24_000)
    }

    /// Services of a kind, of which what becomes of them is known.
    pub(super) fn services<S>(
        &self,
        provider: Provider,
        services: impl IntoIterator<Item = S>,
    ) -> Services<S> {
        let name = |index| ServiceName { provider, service: format!("{index}").into(), model: "m".into() };
        let services = services.into_iter().enumerate();
        let services = services.map(|(index, service)| (name(index), service)).collect();
        Services::new(provider, services, self.health.clone())
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How many callers wait for the end of an answer that has none.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// Counts one answer until it is given up.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(server: &Server) -> Self {
        server.open.fetch_add(1, Ordering::SeqCst);
        Self(server.open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (path, authorization) = (head.uri.path().to_owned(), header("authorization"));
    let content_type = header("content-type").unwrap_or_default();
    server.received.lock().unwrap().push(Received { path, authorization, content_type, body });
    let act = server.acts.lock().unwrap().pop_front();
    let pieces = |pieces: Vec<Vec<u8>>| {
        stream::iter(pieces).then(|piece| async move {
            // So that pieces stay pieces.
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok::<_, Infallible>(piece)
        })
    };
    match act {
        None => Response::builder().status(501).body(Body::empty()).unwrap(),
        Some(Act::Silence) => {
            let _open = Open::new(&server);
            std::future::pending().await
        }
        Some(Act::Answer(status, headers, body)) => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from_stream(pieces(body))).unwrap()
        }
        Some(Act::Break(kind, body)) => {
            let broken = stream::once(async {
                // What was sent before has to arrive first.
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(std::io::Error::other("broken"))
            });
            let body = pieces(body).map(|piece| Ok(piece.unwrap())).chain(broken);
            Response::builder().header("content-type", kind).body(Body::from_stream(body)).unwrap()
        }
        Some(Act::Drip(kind, piece)) => {
            let open = Open::new(&server);
            let body = stream::repeat(piece).then(move |piece| {
                let _open = &open;
                async move {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok::<_, Infallible>(piece)
                }
            });
            Response::builder().header("content-type", kind).body(Body::from_stream(body)).unwrap()
        }
        Some(Act::Stall(kind, body)) => {
            let open = Open::new(&server);
            let body = pieces(body).chain(stream::pending()).map(move |piece| {
                let _open = &open;
                piece
            });
            Response::builder().header("content-type", kind).body(Body::from_stream(body)).unwrap()
        }
    }
}
