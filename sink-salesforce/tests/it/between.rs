//! A server between the sink and its org, as a proxy or a firewall is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use sink_salesforce::config::SalesforceArgs;
use sink_salesforce::writer::SalesforceWriter;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::org::Org;

/// What becomes of a call: the org's status and answer, changed as a test says.
pub(crate) type Change = Arc<dyn Fn(&Method, &str, StatusCode, Value) -> (StatusCode, String) + Send + Sync>;

/// The answer to a call that does not reach the org: by its method, its URL and its body.
type Refusal = Arc<dyn Fn(&Method, &str, &str) -> Option<(u16, &'static str)> + Send + Sync>;

/// Between the sink and its org.
pub(crate) struct Between {
    pub(crate) url: String,
    shared: Shared,
    _stop: DropGuard,
}

#[derive(Clone)]
struct Shared {
    org: String,
    /// What tokens name as the place of the org.
    instance: Arc<Mutex<String>>,
    change: Arc<Mutex<Option<Change>>>,
    refusal: Arc<Mutex<Option<Refusal>>>,
    delay: Arc<Mutex<Duration>>,
    /// How many calls with data there were since somebody asked.
    calls: Arc<AtomicUsize>,
}

impl Between {
    pub(crate) async fn start(org: &Org) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared {
            org: org.url.clone(),
            instance: Arc::new(Mutex::new(url.clone())),
            change: Arc::default(),
            refusal: Arc::default(),
            delay: Arc::default(),
            calls: Arc::default(),
        };
        let router = Router::new().fallback(pass).with_state(shared.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Self { url, shared, _stop: stop.drop_guard() }
    }

    /// From the next token on, the org is there.
    pub(crate) fn names(&self, instance: &str) {
        *self.shared.instance.lock().unwrap() = instance.to_owned();
    }

    pub(crate) fn changes(
        &self,
        change: impl Fn(&Method, &str, StatusCode, Value) -> (StatusCode, String) + Send + Sync + 'static,
    ) {
        self.change_with(Arc::new(change));
    }

    pub(crate) fn change_with(&self, change: Change) {
        *self.shared.change.lock().unwrap() = Some(change);
    }

    /// Answers some calls with data itself.
    pub(crate) fn refuses(
        &self,
        refusal: impl Fn(&Method, &str, &str) -> Option<(u16, &'static str)> + Send + Sync + 'static,
    ) {
        *self.shared.refusal.lock().unwrap() = Some(Arc::new(refusal));
    }

    /// Each call with data takes so long.
    pub(crate) fn delays(&self, delay: Duration) {
        *self.shared.delay.lock().unwrap() = delay;
    }

    /// Calls with data since the last time.
    pub(crate) fn calls(&self) -> usize {
        self.shared.calls.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn passes(&self) {
        *self.shared.change.lock().unwrap() = None;
        *self.shared.refusal.lock().unwrap() = None;
    }

    /// A sink that asks for its tokens here.
    pub(crate) fn writer(&self, org: &Org) -> SalesforceWriter {
        self.writer_with(org, |_| {})
    }

    pub(crate) fn writer_with(
        &self,
        org: &Org,
        change: impl FnOnce(&mut SalesforceArgs),
    ) -> SalesforceWriter {
        let mut args = org.args();
        args.salesforce_url = self.url.parse().unwrap();
        change(&mut args);
        SalesforceWriter::new(&args).unwrap()
    }
}

async fn pass(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path().contains("/data/") {
        shared.calls.fetch_add(1, Ordering::Relaxed);
        let delay = *shared.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        let refusal = shared.refusal.lock().unwrap().clone();
        let text = std::str::from_utf8(&body).unwrap();
        if let Some((status, page)) = refusal.and_then(|refusal| refusal(&method, &uri.to_string(), text)) {
            return (StatusCode::from_u16(status).unwrap(), page).into_response();
        }
    }
    let mut request =
        reqwest::Client::new().request(method.clone(), format!("{}{uri}", shared.org)).body(body);
    for name in ["authorization", "content-type", "sforce-auto-assign", "sforce-duplicate-rule-header"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let (status, answer) = (answer.status(), answer.text().await.unwrap());
    let mut answer: Value = serde_json::from_str(&answer).unwrap();
    let change = shared.change.lock().unwrap().clone();
    let (status, answer) = match change {
        _ if uri.path().ends_with("/token") && status == StatusCode::OK => {
            answer["instance_url"] = json!(*shared.instance.lock().unwrap());
            (status, answer.to_string())
        }
        Some(change) => change(&method, uri.path(), status, answer),
        None => (status, answer.to_string()),
    };
    (status, [("location", "https://elsewhere.example/")], answer).into_response()
}
