//! Refusals, as RFC 9457 has them.

use axum::http::header::ALLOW;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::in_process::Service;

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_asked_so_is_a_problem() {
    let service = Service::default();
    for path in ["/api/nothing", "/api/token/deeper", "/api/connection-details/"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = service.send(Request::builder().method(method).uri(path), String::new()).await;
            answer.problem(StatusCode::NOT_FOUND, "not_found");
        }
    }
    for (path, methods, allowed) in [
        ("/api/token", ["GET", "PUT", "DELETE"], "POST"),
        ("/api/connection-details", ["GET", "PUT", "PATCH"], "POST"),
        ("/api/page-configuration", ["POST", "PUT", "DELETE"], "GET,HEAD"),
        ("/api/logo", ["POST", "PUT", "DELETE"], "GET,HEAD"),
        ("/api/proof", ["POST", "PUT", "DELETE"], "GET,HEAD"),
    ] {
        for method in methods {
            let answer = service.send(Request::builder().method(method).uri(path), "{}".to_owned()).await;
            answer.problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
            assert_eq!(answer.headers[ALLOW], allowed, "{method} {path}");
        }
    }
    // What was refused so has cost nobody a token.
    assert_eq!(service.metric("postcall_web_connection_details_limited_clients").await, 0);
}

#[tokio::test]
async fn a_problem_has_these_members() {
    let answer = Service::default().post(&json!({ "user_email": "ann lee@x.org" })).await;
    assert_eq!(
        answer.body,
        json!({
            "type": "urn:postcall:problem:invalid_email",
            "title": "The e-mail address is not valid",
            "status": 400,
            "detail": "user_email: there is a space in the e-mail address: remove the space.",
            "code": "invalid_email",
            "field": "user_email",
            "reason": "space",
        })
    );
}

#[tokio::test]
async fn no_problem_repeats_what_was_sent() {
    let service = Service::default();
    let secret = "s3cret\u{7}value";
    for body in [
        json!({ "user_email": secret }),
        json!({ "user_email": format!("{secret}@x.org") }),
        json!({ "user_email": format!("a@{secret}") }),
        json!({ "room_name": secret }),
        json!({ "participant_identity": secret }),
        json!({ "room_config": { "agents": [{ "agent_name": secret }] } }),
        json!({ "participant_attributes": { secret: 5 } }),
        json!({ "room_config": secret }),
        Value::String(secret.to_owned()),
    ] {
        let answer = service.post(&body).await;
        assert!(answer.status.is_client_error(), "{body}");
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("s3cret"), "{}", answer.body);
    }
}
