//! Tools of the persona's own, on a server of the test's.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use schemas::{EndReason, SessionEnded, ToolCallOutcome};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::model_faults::told;
use super::stage::{PERSONA, Stage};
use crate::servers::wait_for;

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

/// A model may end the call in the same breath in which it calls a tool that takes its time.
#[test]
fn a_caller_who_goes_on_while_a_tool_works_is_not_hung_up_on() {
    let server = ToolServer::held();
    let mut stage = stage_with(&server, 2_000_000);
    let simulator = stage.simulator();
    let calls = json!({"transfer_money": {"amount": 1_000_000}, "end_call": {}}).to_string();
    simulator.inject_one("chat", json!({"kind": "call", "text": calls}));
    let mut call = stage.call("goes-on");
    call.waits();
    call.types("hello there");
    wait_for("the tool", || (!server.requests().is_empty()).then_some(()));
    let answer = call.asks("we are twelve people");
    assert!(answer.contains("How many documents"), "{answer}");
    server.answer();
    for (said, question) in
        [("about forty documents a month", "Where do you keep"), ("we use HubSpot", "What kind of documents")]
    {
        let answer = call.asks(said);
        assert!(answer.contains(question), "{answer}");
    }
    assert!(told(&simulator.requests()).contains(&ANSWER.to_owned()));
    let session = stage.hang_up("goes-on");
    assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft));
}

/// A call in which the model wants to transfer a million; what was exported, and what the model was told.
fn transfer(server: &ToolServer, most: u32) -> (SessionEnded, Vec<String>) {
    let mut stage = stage_with(server, most);
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

/// A stage whose persona can transfer money.
fn stage_with(server: &ToolServer, most: u32) -> Stage {
    let tool = format!(
        r#"
[[tools]]
name = "transfer_money"
description = "Transfers money."
url = "{}"
time_limit = "60s"
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
    Stage::with_persona(&format!("{PERSONA}{tool}"), &[("TRANSFER_TOKEN", TOKEN)])
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
    may_answer: Arc<Semaphore>,
    _runtime: Runtime,
}

impl ToolServer {
    fn start(status: StatusCode) -> Self {
        Self::with(status, Semaphore::new(1))
    }

    /// One whose answer waits for [`Self::answer`].
    fn held() -> Self {
        Self::with(StatusCode::OK, Semaphore::new(0))
    }

    fn with(status: StatusCode, may_answer: Semaphore) -> Self {
        let may_answer = Arc::new(may_answer);
        let permits = Arc::clone(&may_answer);
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let url = format!("http://{}/transfer", listener.local_addr().expect("it is bound"));
        let received = Received::default();
        let keep = Arc::clone(&received);
        let transfer = move |headers: HeaderMap, axum::Json(body): axum::Json<Value>| async move {
            let token = headers.get("authorization").and_then(|token| token.to_str().ok()).map(str::to_owned);
            keep.lock().expect("nobody panicked").push((token, body));
            let _permit = permits.acquire().await.expect("it stays open");
            (status, ANSWER)
        };
        let app = Router::new().route("/transfer", post(transfer));
        let runtime = Runtime::new().expect("a runtime");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, app).await
        });
        Self { url, received, may_answer, _runtime: runtime }
    }

    fn answer(&self) {
        self.may_answer.add_permits(1);
    }

    fn requests(&self) -> Vec<(Option<String>, Value)> {
        self.received.lock().expect("nobody panicked").clone()
    }
}
