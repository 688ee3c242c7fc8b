//! Tools of the persona's own, on a server of the test's.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use schemas::{SessionEnded, ToolCallOutcome};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::model_faults::told;
use super::stage::{PERSONA, Stage};

const TOKEN: &str = "token-of-the-test";
const ANSWER: &str = "the money is on its way";

#[test]
fn a_valid_call_arrives_with_the_session_and_the_token() {
    let server = ToolServer::start(StatusCode::OK);
    let (session, told) = transfer(&server, 2_000_000);
    let body =
        json!({"session_id": "transfer", "tool": "transfer_money", "arguments": {"amount": 1_000_000}});
    assert_eq!(server.requests(), [(Some(format!("Bearer {TOKEN}")), body)]);
    assert_eq!(told, [ANSWER]);
    assert_eq!(session.tool_calls[0].outcome, ToolCallOutcome::Success);
    assert_eq!(session.tool_calls[0].arguments, json!({"amount": 1_000_000}));
}

#[test]
fn arguments_that_do_not_fit_do_not_leave() {
    let server = ToolServer::start(StatusCode::OK);
    let (session, told) = transfer(&server, 1_000);
    assert_eq!(server.requests(), []);
    let error = failed(&session);
    assert!(error.contains("amount"), "{error}");
    assert_eq!(told, [json!({ "error": error }).to_string()]);
}

#[test]
fn a_failure_is_told_and_written_down() {
    let server = ToolServer::start(StatusCode::SERVICE_UNAVAILABLE);
    let (session, told) = transfer(&server, 2_000_000);
    assert_eq!(server.requests().len(), 1);
    let error = failed(&session);
    assert_eq!(error, "the tool answered with status 503");
    assert_eq!(told, [json!({ "error": error }).to_string()]);
}

/// A call in which the model wants to transfer a million; what was exported, and what the model was told.
fn transfer(server: &ToolServer, most: u32) -> (SessionEnded, Vec<String>) {
    let tool = format!(
        r#"
[[tools]]
name = "transfer_money"
description = "Transfers money."
url = "{}"
time_limit = "5s"
authorization_env = "TRANSFER_TOKEN"
[tools.parameters]
type = "object"
required = ["amount"]
additionalProperties = false
[tools.parameters.properties]
amount = {{ type = "integer", maximum = {most} }}
"#,
        server.url
    );
    let mut stage = Stage::with_persona(&format!("{PERSONA}{tool}"), &[("TRANSFER_TOKEN", TOKEN)]);
    let simulator = stage.simulator();
    // It calls `transfer_money`, which this persona has.
    simulator.inject_one("chat", json!({"kind": "unknown_tool"}));
    let mut call = stage.call("transfer");
    let answer = call.asks("hello there");
    assert!(answer.contains("How many people"), "{answer}");
    let told = told(&simulator.requests());
    let session = stage.hang_up("transfer");
    let log = stage.agent.log();
    assert!(!log.contains(TOKEN) && !log.contains(ANSWER));
    assert_eq!(session.tool_calls.len(), 1);
    (session, told)
}

fn failed(session: &SessionEnded) -> String {
    assert_eq!(session.tool_calls[0].outcome, ToolCallOutcome::Error);
    session.tool_calls[0].error.clone().expect("an error")
}

type Received = Arc<Mutex<Vec<(Option<String>, Value)>>>;

/// Keeps what it is sent: the header with the token, and the body.
struct ToolServer {
    url: String,
    received: Received,
    _runtime: Runtime,
}

impl ToolServer {
    fn start(status: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let url = format!("http://{}/transfer", listener.local_addr().expect("it is bound"));
        let received = Received::default();
        let keep = Arc::clone(&received);
        let transfer = move |headers: HeaderMap, axum::Json(body): axum::Json<Value>| async move {
            let token = headers.get("authorization").and_then(|token| token.to_str().ok()).map(str::to_owned);
            keep.lock().expect("nobody panicked").push((token, body));
            (status, ANSWER)
        };
        let app = Router::new().route("/transfer", post(transfer));
        let runtime = Runtime::new().expect("a runtime");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, app).await
        });
        Self { url, received, _runtime: runtime }
    }

    fn requests(&self) -> Vec<(Option<String>, Value)> {
        self.received.lock().expect("nobody panicked").clone()
    }
}
