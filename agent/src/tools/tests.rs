//! Calls against a real server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header::LOCATION};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::persona::DEFAULT;

/// A server whose paths behave differently, and what it received: the header with the token, and the body.
async fn server() -> (String, mpsc::UnboundedReceiver<(Option<String>, Value)>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (requests_tx, requests_rx) = mpsc::unbounded_channel();
    let book = |headers: HeaderMap, axum::Json(body): axum::Json<Value>| async move {
        let token = headers.get("authorization").map(|token| token.to_str().unwrap().to_owned());
        requests_tx.send((token, body)).unwrap();
        "booked"
    };
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        "late"
    };
    let app = Router::new()
        .route("/book", post(book))
        .route("/slow", post(slow))
        .route("/moved", post(|| async { (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/book")]) }))
        .route("/broken", post(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "details of the caller") }))
        .route("/long", post(|| async { "x".repeat(8 * 1024 + 1) }))
        .route("/just", post(|| async { "x".repeat(8 * 1024) }))
        .route("/binary", post(|| async { vec![0xff_u8, 0xfe] }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (format!("http://{address}"), requests_rx)
}

async fn toolbox(url: &str) -> Toolbox {
    let environment = |name: &str| (name == "BOOKING_TOKEN").then(|| "t0ken".to_owned());
    Toolbox::new(persona(url), environment, false).await.unwrap()
}

fn persona(url: &str) -> Arc<Persona> {
    let tool = format!(
        r#"
[[tools]]
name = "book_demo"
description = "Books a demonstration."
url = "{url}"
time_limit = "2s"
authorization_env = "BOOKING_TOKEN"
[tools.parameters]
type = "object"
required = ["day"]
additionalProperties = false
[tools.parameters.properties]
day = {{ type = "string", enum = ["monday", "friday"] }}
people = {{ type = "integer", minimum = 1 }}
"#
    );
    Arc::new(Persona::parse(&format!("{DEFAULT}{tool}")).unwrap())
}

fn booking(toolbox: &Toolbox) -> HttpCall {
    match toolbox.check("book_demo", r#"{"day": "monday", "people": 3}"#) {
        Ok(CheckedCall::Http(call)) => call,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_brings_the_session_the_arguments_and_the_token() {
    let (url, mut received) = server().await;
    let toolbox = toolbox(&format!("{url}/book")).await;
    assert_eq!(toolbox.call(&booking(&toolbox), "room-1").await, Ok("booked".to_owned()));
    let (token, body) = received.recv().await.unwrap();
    assert_eq!(token.as_deref(), Some("Bearer t0ken"));
    assert_eq!(
        body,
        json!({"session_id": "room-1", "tool": "book_demo", "arguments": {"day": "monday", "people": 3}})
    );
}

#[tokio::test]
async fn what_goes_wrong_in_a_call_is_told_apart() {
    let (url, mut received) = server().await;
    for (path, fault) in [
        ("/slow", CallFault::TimedOut(Duration::from_secs(2))),
        ("/moved", CallFault::Status(307)),
        ("/broken", CallFault::Status(500)),
        ("/nowhere", CallFault::Status(404)),
        ("/long", CallFault::AnswerTooLong { limit: 8 * 1024 }),
        ("/binary", CallFault::AnswerNotText),
    ] {
        let toolbox = toolbox(&format!("{url}{path}")).await;
        let start = Instant::now();
        assert_eq!(toolbox.call(&booking(&toolbox), "room-1").await, Err(fault), "{path}");
        assert!(start.elapsed() < Duration::from_secs(20), "{path}");
    }
    assert!(received.try_recv().is_err(), "a redirect was followed");
    let just = toolbox(&format!("{url}/just")).await;
    assert_eq!(just.call(&booking(&just), "room-1").await.map(|answer| answer.len()), Ok(8 * 1024));
    let unreachable = toolbox("http://127.0.0.1:1/book").await;
    assert_eq!(unreachable.call(&booking(&unreachable), "room-1").await, Err(CallFault::Unreachable));
}

#[tokio::test]
async fn arguments_are_held_against_the_schema_before_a_call() {
    let (url, mut received) = server().await;
    let toolbox = toolbox(&format!("{url}/book")).await;
    for (name, arguments, message) in [
        ("delete_room", "{}", "there is no such tool: call one of those that are listed"),
        ("delete_room", "{", "there is no such tool: call one of those that are listed"),
        (
            "book_demo",
            r#"{"day": "mon"#,
            "the arguments are no valid JSON at line 1, column 12: write one JSON object",
        ),
        ("book_demo", "[]", "the arguments have to be one JSON object"),
        ("book_demo", "", r#"the arguments do not fit: the object: "day" is a required property"#),
        (
            "book_demo",
            r#"{"day": "my secret", "people": 0}"#,
            "the arguments do not fit: day: its value is not one of \"monday\" or \"friday\"; \
             people: its value is less than the minimum of 1",
        ),
        (
            "book_demo",
            r#"{"day": "monday", "my secret": 1}"#,
            "the arguments do not fit: the object: it has fields that the schema does not list",
        ),
        ("record_signals", "7", "the arguments have to be one JSON object"),
    ] {
        let fault = toolbox.check(name, arguments).unwrap_err().to_string();
        assert_eq!(fault, message, "{name} {arguments}");
    }
    let long = format!(r#"{{"day": "{}"}}"#, "x".repeat(ARGUMENTS_LIMIT));
    assert_eq!(toolbox.check("book_demo", &long), Err(CallFault::TooLong { limit: ARGUMENTS_LIMIT }));
    assert!(received.try_recv().is_err(), "an unchecked call left");
}

#[tokio::test]
async fn built_in_tools_are_checked_and_no_tier_gets_through() {
    let (url, _) = server().await;
    let toolbox = toolbox(&url).await;
    assert_eq!(toolbox.check("end_call", ""), Ok(CheckedCall::EndCall));
    let call =
        toolbox.check("record_signals", r#"{"team_size": "12", "qualification_tier": "hot"}"#).unwrap();
    let CheckedCall::RecordSignals { accepted, rejected } = call else { panic!("{call:?}") };
    assert_eq!(Value::Object(accepted), json!({"team_size": 12}));
    assert_eq!(rejected, [("qualification_tier".to_owned(), "there is no such signal".to_owned())]);
}

#[tokio::test]
async fn the_model_is_told_of_each_tool() {
    let (url, _) = server().await;
    let definitions = toolbox(&url).await.definitions();
    let names: Vec<_> = definitions.iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["record_signals", "end_call", "book_demo"]);
    assert!(definitions.iter().all(|tool| tool["type"] == "function"));
    let parameters = &definitions[0]["function"]["parameters"];
    assert_eq!(parameters["properties"]["team_size"]["type"], "integer");
    assert_eq!(parameters["properties"].get("qualification_tier"), None);
}

#[tokio::test]
async fn a_token_that_is_missing_or_broken_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token").display().to_string();
    let refused = async |environment: &[(&str, &str)]| {
        let of = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let refused = Toolbox::new(persona("http://127.0.0.1:1"), of, false).await.err().unwrap();
        format!("{refused:#}")
    };
    for environment in [
        &[][..],
        &[("BOOKING_TOKEN", "")],
        &[("BOOKING_TOKEN", "a\nb")],
        &[("BOOKING_TOKEN", "a"), ("BOOKING_TOKEN_FILE", "/b")],
    ] {
        let error = refused(environment).await;
        assert!(error.contains("BOOKING_TOKEN") && !error.contains("a\nb"), "{error}");
    }
    assert!(refused(&[("BOOKING_TOKEN_FILE", &file)]).await.contains(&file));
}

#[tokio::test]
async fn a_token_in_a_file_may_be_renewed() {
    let (url, mut received) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let environment = |name: &str| (name == "BOOKING_TOKEN_FILE").then(|| file.display().to_string());
    let toolbox = Toolbox::new(persona(&format!("{url}/book")), environment, false).await.unwrap();
    for token in ["first", "second"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        toolbox.call(&booking(&toolbox), "s").await.unwrap();
        let (authorization, _) = received.recv().await.unwrap();
        assert_eq!(authorization, Some(format!("Bearer {token}")));
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(toolbox.call(&booking(&toolbox), "s").await, Err(CallFault::NoToken));
}

#[tokio::test]
async fn a_token_crosses_no_network_in_plain_text() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let environment = |name: &str| (name == "BOOKING_TOKEN").then(|| "t0ken".to_owned());
    let far = || persona("http://crm.internal/book");
    let refused = Toolbox::new(far(), environment, false).await.err().unwrap().to_string();
    assert!(refused.contains("book_demo") && refused.contains("SERVICES_ALLOW_PLAIN_TEXT"), "{refused}");
    assert!(Toolbox::new(far(), environment, true).await.is_ok());
    assert!(Toolbox::new(persona("https://crm.internal/book"), environment, false).await.is_ok());
}
