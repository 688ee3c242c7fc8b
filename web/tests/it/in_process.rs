//! The router, asked without a network.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use livekit_api::access_token::TokenVerifier;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use web::app::App;
use web::configuration::Args;
use web::metrics::Metrics;

pub(crate) const AGENT_NAME: &str = "pandadoc-agent";
const API_KEY: &str = "devkey";
pub(crate) const API_SECRET: &str = "a secret of thirty-two characters";

/// The flag by which the peer of all requests is believed.
pub(crate) const PROXY: &str = "--web-trusted-proxies=192.0.2.1";

pub(crate) struct Service {
    visitors: Router,
    operations: Router,
    pub(crate) shutdown: CancellationToken,
}

/// An answer whose body is JSON, or else `null`.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) body: Value,
}

impl Default for Service {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Service {
    pub(crate) fn new(flags: &[&str]) -> Self {
        let mut required = vec![
            "web".to_owned(),
            "--livekit-url=ws://127.0.0.1:7880".to_owned(),
            format!("--livekit-api-key={API_KEY}"),
            format!("--agent-name={AGENT_NAME}"),
        ];
        if !flags.iter().any(|flag| flag.starts_with("--livekit-api-secret")) {
            required.push(format!("--livekit-api-secret={API_SECRET}"));
        }
        if !flags.iter().any(|flag| flag.starts_with("--web-livekit-interval")) {
            required.push("--web-livekit-interval=0s".to_owned());
        }
        let flags = flags.iter().map(ToString::to_string);
        let args = Args::try_parse_from(required.into_iter().chain(flags)).unwrap();
        // As `main` does; a second time changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let app = App::new(args.into_settings().unwrap(), &Metrics::new().unwrap()).unwrap();
        let shutdown = CancellationToken::new();
        let operations = web::server::operations(&app, shutdown.clone());
        Self { visitors: web::server::visitors(&app).unwrap(), operations, shutdown }
    }

    pub(crate) async fn post(&self, body: &Value) -> Answer {
        self.post_text("application/json", &body.to_string()).await
    }

    pub(crate) async fn post_text(&self, content_type: &str, body: &str) -> Answer {
        let request = Request::post("/api/connection-details").header(CONTENT_TYPE, content_type);
        self.send(request, body.to_owned()).await
    }

    /// With the header of a proof.
    pub(crate) async fn post_with_proof(&self, proof: &str, body: &Value) -> Answer {
        let request =
            Request::post("/api/token").header(CONTENT_TYPE, "application/json").header("x-proof", proof);
        self.send(request, body.to_string()).await
    }

    /// From this client; the service has to trust [`PROXY`].
    pub(crate) async fn post_from(&self, client: &str, body: &Value) -> Answer {
        let request = Request::post("/api/token").header(CONTENT_TYPE, "application/json");
        self.send(request.header("x-forwarded-for", client), body.to_string()).await
    }

    /// The value of a metric; 0 where it is missing.
    pub(crate) async fn metric(&self, series: &str) -> u64 {
        let text = String::from_utf8(self.get_operations("/metrics").await.bytes.to_vec()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), String::new()).await
    }

    pub(crate) async fn get_operations(&self, path: &str) -> Answer {
        answer(&self.operations, Request::get(path), String::new()).await
    }

    pub(crate) async fn send(&self, request: Builder, body: String) -> Answer {
        let peer = SocketAddr::from(([192, 0, 2, 1], 50_000));
        answer(&self.visitors, request.extension(ConnectInfo(peer)), body).await
    }
}

async fn answer(router: &Router, request: Builder, body: String) -> Answer {
    let request = request.body(Body::from(body)).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status: head.status, headers: head.headers, bytes, body }
}

impl Answer {
    /// Panics unless it is a problem with this code; its detail.
    pub(crate) fn problem(&self, status: StatusCode, code: &str) -> &str {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json", "{}", self.body);
        assert_eq!(self.headers[CACHE_CONTROL], "no-store");
        assert_eq!(self.body["code"], code, "{}", self.body);
        assert_eq!(self.body["type"], format!("urn:postcall:problem:{code}"));
        assert_eq!(self.body["status"], status.as_u16());
        assert!(self.body["title"].as_str().is_some_and(|title| !title.is_empty()));
        let detail = self.body["detail"].as_str().expect("a problem has a detail");
        assert!(detail.ends_with('.'), "a sentence: {detail}");
        detail
    }
}

/// The token's claims as they stand in it, its signature and times verified.
pub(crate) fn claims(details: &Value) -> Value {
    let token = details["participantToken"].as_str().expect("the answer holds a token");
    TokenVerifier::with_api_key(API_KEY, API_SECRET).verify(token).expect("the token is LiveKit's");
    assert!(TokenVerifier::with_api_key(API_KEY, "another secret").verify(token).is_err());
    let payload = token.split('.').nth(1).expect("the token is a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
