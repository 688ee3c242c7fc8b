//! The endpoint: what is answered, what is refused, and what is in the token.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Request, StatusCode};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::in_process::{AGENT_NAME, PROXY, Service, claims};
use crate::proof::meet;

fn metadata(claims: &Value) -> Value {
    let text = claims["metadata"].as_str().expect("metadata is a string");
    serde_json::from_str(text).expect("metadata is JSON")
}

async fn user_email(body: Value) -> Value {
    let answer = Service::default().post(&body).await;
    assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.body);
    metadata(&claims(&answer.body))["user_email"].clone()
}

#[tokio::test]
async fn the_answer_has_both_spellings() {
    let before = Utc::now().timestamp_millis();
    let body = json!({ "room_config": { "agents": [{ "agent_name": AGENT_NAME }] }, "user_email": "test@company.com" });
    let answer = Service::default().post(&body).await;
    let after = Utc::now().timestamp_millis();

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    let details = answer.body;
    assert_eq!(details["serverUrl"], "ws://127.0.0.1:7880");
    assert_eq!(details["participantName"], "PandaDoc Trialist");
    for (camel, snake) in [
        ("serverUrl", "server_url"),
        ("roomName", "room_name"),
        ("participantName", "participant_name"),
        ("participantToken", "participant_token"),
    ] {
        assert!(details[camel].is_string(), "{camel}");
        assert_eq!(details[camel], details[snake]);
    }
    let room = details["roomName"].as_str().unwrap();
    let (milliseconds, random) = room.strip_prefix("pandadoc_trial_").unwrap().split_once('_').unwrap();
    assert!((before..=after).contains(&milliseconds.parse().unwrap()));
    assert_eq!(random.len(), 10);
}

#[tokio::test]
async fn the_token_opens_this_room_and_brings_the_agent() {
    let before = Utc::now();
    let answer = Service::default().post(&json!({ "user_email": " Test@Company.com " })).await;
    let claims = claims(&answer.body);

    assert_eq!(
        claims["video"],
        json!({
            "room": answer.body["roomName"],
            "roomJoin": true,
            "canPublish": true,
            "canSubscribe": true,
            "canPublishData": true,
        })
    );
    let room_config = &claims["roomConfig"];
    let agents = json!([{ "agentName": AGENT_NAME, "metadata": claims["metadata"] }]);
    assert_eq!(
        room_config,
        &json!({ "agents": agents, "maxParticipants": 2, "emptyTimeout": 30, "departureTimeout": 20 })
    );
    assert!(claims["sub"].as_str().unwrap().starts_with("trialist_"));
    assert_eq!(claims["name"], "PandaDoc Trialist");
    let seconds = claims["exp"].as_i64().unwrap() - before.timestamp();
    assert!((900..910).contains(&seconds), "expires after {seconds} s");
    // The server's clock may be behind.
    assert!(claims["nbf"].as_i64().unwrap() <= before.timestamp() - 295);

    let metadata = metadata(&claims);
    assert_eq!(metadata["user_email"], "Test@company.com");
    assert_eq!(metadata.as_object().unwrap().len(), 2);
    let text = metadata["session_start"].as_str().unwrap();
    assert_eq!(text.len(), "2025-10-29T12:34:56.789Z".len());
    assert!(text.ends_with('Z'));
    let start: DateTime<Utc> = text.parse().unwrap();
    assert!((start - before).num_seconds().abs() < 10);
}

#[tokio::test]
async fn every_call_has_a_room_and_an_identity_of_its_own() {
    let service = Service::default();
    let (one, two) = (service.post(&json!({})).await, service.post(&json!({})).await);
    assert_ne!(one.body["roomName"], two.body["roomName"]);
    assert_ne!(claims(&one.body)["sub"], claims(&two.body)["sub"]);
}

#[tokio::test]
async fn the_address_comes_from_the_first_place_that_has_one() {
    let metadata = json!({ "user_email": "metadata@x.org" }).to_string();
    let attributes = json!({ "user_email": "attribute@x.org", "plan": "pro" });
    for (body, expected) in [
        (
            json!({ "user_email": "field@x.org", "participant_metadata": metadata, "participant_attributes": attributes }),
            "field@x.org",
        ),
        (
            json!({ "user_email": "", "participant_metadata": metadata, "participant_attributes": attributes }),
            "metadata@x.org",
        ),
        (
            json!({ "participant_metadata": "plain text", "participant_attributes": attributes }),
            "attribute@x.org",
        ),
        (json!({ "participant_metadata": "[1]", "participant_attributes": attributes }), "attribute@x.org"),
        (json!({ "participant_metadata": "{\"user_email\":null}" }), ""),
        (json!({ "user_email": null, "participant_attributes": null, "room_config": null }), ""),
        (json!({ "user_email": "  ", "unknown": { "deep": [1] } }), ""),
        (json!({}), ""),
    ] {
        assert_eq!(user_email(body).await, expected);
    }
}

#[tokio::test]
async fn what_the_server_would_give_anyway_may_be_asked_for() {
    for body in [
        json!({ "room_config": {} }),
        json!({ "room_config": { "name": "", "agents": [], "empty_timeout": 1, "metadata": "x" } }),
        json!({ "room_config": { "agents": [{ "agent_name": AGENT_NAME, "metadata": "theirs" }] } }),
        json!({ "room_name": "", "participant_identity": "", "participant_name": "Somebody else" }),
    ] {
        let answer = Service::default().post(&body).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}");
        let claims = claims(&answer.body);
        let agents = json!([{ "agentName": AGENT_NAME, "metadata": claims["metadata"] }]);
        assert_eq!(claims["roomConfig"]["agents"], agents);
        assert_eq!(claims["roomConfig"]["emptyTimeout"], 30);
        assert_eq!(claims["name"], "PandaDoc Trialist");
    }
}

#[tokio::test]
async fn visitors_choose_neither_room_nor_identity_nor_agent() {
    for (body, code) in [
        (json!({ "room_name": "boardroom" }), "not_yours_to_choose"),
        (json!({ "participant_identity": "agent-1" }), "not_yours_to_choose"),
        (json!({ "room_config": { "name": "boardroom" } }), "not_yours_to_choose"),
        (json!({ "room_config": { "agents": [{ "agent_name": "other" }] } }), "other_agent"),
        (json!({ "room_config": { "agents": [{}] } }), "other_agent"),
        (
            json!({ "room_config": { "agents": [{ "agent_name": AGENT_NAME }, { "agent_name": "other" }] } }),
            "other_agent",
        ),
    ] {
        let answer = Service::default().post(&body).await;
        answer.problem(StatusCode::FORBIDDEN, code);
        assert!(answer.body["field"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn wrong_types_and_bad_addresses_are_told_by_field() {
    let metadata = |text: &str| json!({ "participant_metadata": text });
    for (body, code, field) in [
        (json!([]), "wrong_type", "the body"),
        (json!("text"), "wrong_type", "the body"),
        (json!(null), "wrong_type", "the body"),
        (json!({ "user_email": 5 }), "wrong_type", "user_email"),
        (json!({ "user_email": ["a@x.org"] }), "wrong_type", "user_email"),
        (json!({ "room_name": 5 }), "wrong_type", "room_name"),
        (json!({ "participant_name": {} }), "wrong_type", "participant_name"),
        (json!({ "participant_metadata": {} }), "wrong_type", "participant_metadata"),
        (json!({ "participant_attributes": [] }), "wrong_type", "participant_attributes"),
        (json!({ "participant_attributes": { "a": 1 } }), "wrong_type", "participant_attributes"),
        (json!({ "room_config": [] }), "wrong_type", "room_config"),
        (json!({ "room_config": { "agents": {} } }), "wrong_type", "room_config.agents"),
        (json!({ "room_config": { "agents": ["a"] } }), "wrong_type", "room_config.agents[0]"),
        (json!({ "user_email": "nobody" }), "invalid_email", "user_email"),
        (json!({ "user_email": "a@b@x.org" }), "invalid_email", "user_email"),
        (json!({ "user_email": format!("{}@x.org", "a".repeat(300)) }), "invalid_email", "user_email"),
        (metadata("{\"user_email\":\"nobody\"}"), "invalid_email", "participant_metadata.user_email"),
        (metadata("{\"user_email\":5}"), "wrong_type", "participant_metadata.user_email"),
        (
            json!({ "participant_attributes": { "user_email": "x" } }),
            "invalid_email",
            "participant_attributes.user_email",
        ),
    ] {
        let answer = Service::default().post(&body).await;
        let detail = answer.problem(StatusCode::BAD_REQUEST, code);
        assert!(detail.starts_with(field), "{body}: {detail}");
        assert_eq!(answer.body["field"], field, "{body}");
        assert_eq!(answer.body["reason"].is_string(), code == "invalid_email", "{body}");
    }
}

#[tokio::test]
async fn an_address_is_taken_in_its_one_form_or_refused_with_what_to_do() {
    for address in [
        "ann\u{200b}@x.org",
        "\u{feff}ann@x.org",
        "a\u{ad}nn@X.org",
        "Ann Lee <\u{202e}ann@x.org>",
        "ann\u{ff20}x.org.",
    ] {
        assert_eq!(user_email(json!({ "user_email": address })).await, "ann@x.org", "{address:?}");
    }
    let answer = Service::default().post(&json!({ "user_email": "ann lee@x.org" })).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body["reason"], "space");
    assert!(answer.body["detail"].as_str().unwrap().ends_with("remove the space."));
}

#[tokio::test]
async fn hostile_bodies_are_refused() {
    let service = Service::default();
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let long = format!("{{\"user_email\":\"{}\"}}", "a".repeat(70_000));
    for (body, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("{", StatusCode::BAD_REQUEST),
        ("{\"user_email\":\"a@x.org\"} trailing", StatusCode::BAD_REQUEST),
        ("{\"user_email\":\"\\ud800\"}", StatusCode::BAD_REQUEST),
        (deep.as_str(), StatusCode::BAD_REQUEST),
        (long.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = service.post_text("application/json", body).await;
        answer.problem(status, "unreadable_body");
    }
    // A form of another site could send the first three without asking first.
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/jsonp",
        "json",
    ] {
        let answer = service.post_text(content_type, "{}").await;
        answer.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unreadable_body");
    }
    let answer = service.send(Request::post("/api/token"), "{}".to_owned()).await;
    answer.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unreadable_body");
}

#[tokio::test]
async fn both_addresses_give_one_answer() {
    let service = Service::new(&["--web-token-ttl=5m"]);
    let mut tokens = Vec::new();
    for path in ["/api/connection-details", "/api/token"] {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json; charset=utf-8");
        let answer = service.send(request, json!({ "user_email": "a@x.org" }).to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
        let mut claims = claims(&answer.body);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 2 * 300);
        // What differs from call to call.
        for key in ["exp", "nbf", "sub", "metadata"] {
            claims[key].take();
        }
        claims["video"]["room"].take();
        claims["roomConfig"]["agents"][0]["metadata"].take();
        tokens.push((answer.body.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), claims));
    }
    assert_eq!(tokens[0], tokens[1]);
}

#[tokio::test]
async fn nothing_that_a_visitor_sends_but_the_address_is_in_the_token() {
    let forged = json!({
        "user_email": "ann@x.org",
        "participant_name": "forged",
        "participant_metadata": "{\"user_email\":\"other@x.org\",\"admin\":\"forged\"}",
        "participant_attributes": { "lk.agent.state": "forged", "user_email": "third@x.org" },
        "room_config": {
            "metadata": "forged", "empty_timeout": 86_400, "departure_timeout": 86_400, "max_participants": 1_000,
            "egress": { "room": { "roomName": "forged" } },
            "agents": [{ "agent_name": AGENT_NAME, "metadata": "forged" }],
        },
        "video": { "roomAdmin": true, "roomList": true, "room": "forged" },
        "ttl": 86_400, "sub": "forged", "grants": { "roomAdmin": true }, "__proto__": { "room": "forged" },
    });
    let service = Service::default();
    let answer = service.post(&forged).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let found = claims(&answer.body);
    assert!(!found.to_string().contains("forged"), "{found}");
    assert!(
        !found.to_string().contains("other@x.org") && !found.to_string().contains("third@x.org"),
        "{found}"
    );
    let mut honest = claims(&service.post(&json!({ "user_email": "ann@x.org" })).await.body);
    for key in ["video", "roomConfig"] {
        honest[key].as_object_mut().unwrap().remove(if key == "video" { "room" } else { "agents" });
        let mut found = found[key].clone();
        found.as_object_mut().unwrap().remove(if key == "video" { "room" } else { "agents" });
        assert_eq!(found, honest[key]);
    }
}

#[tokio::test]
async fn who_gets_no_token_takes_none_from_anybody() {
    let service = Service::new(&[
        "--web-tokens=3",
        "--web-tokens-per-address=0",
        "--web-tokens-per-email=2",
        "--web-proof=work",
        "--web-proof-difficulty=8",
    ]);
    let email = json!({ "user_email": "ann@x.org" });
    for _ in 0..20 {
        service.post_text("application/json", "{").await.problem(StatusCode::BAD_REQUEST, "unreadable_body");
        let wrong = service.post(&json!({ "user_email": "ann lee@x.org" })).await;
        wrong.problem(StatusCode::BAD_REQUEST, "invalid_email");
        service.post(&email).await.problem(StatusCode::FORBIDDEN, "proof_required");
        service.post_with_proof("work a.1", &email).await.problem(StatusCode::FORBIDDEN, "proof_refused");
    }
    let ask = async |body: &Value| {
        let answer = meet(&service.get("/api/proof").await.body);
        service.post_with_proof(&format!("work {answer}"), body).await
    };
    for (body, limit) in [
        (&email, None),
        (&email, None),
        (&email, Some("email")),
        (&json!({}), None),
        (&json!({}), Some("all")),
    ] {
        let answer = ask(body).await;
        let status = if limit.is_none() { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!((answer.status, answer.body["limit"].as_str()), (status, limit), "{}", answer.body);
    }
    // A limit refuses before it takes a proof.
    assert_eq!(service.metric("postcall_web_proofs_total{outcome=\"taken\"}").await, 3);
}

#[tokio::test]
async fn what_refuses_an_address_costs_no_line() {
    let service = Service::new(&["--web-tokens-per-email=1", "--web-calls=2", "--web-livekit-interval=10s"]);
    let email = json!({ "user_email": "ann@x.org" });
    assert_eq!(service.post(&email).await.status, StatusCode::OK);
    for _ in 0..5 {
        assert_eq!(service.post(&email).await.body["limit"], "email");
    }
    assert_eq!(service.post(&json!({ "user_email": "bob@x.org" })).await.status, StatusCode::OK);
    // Nor the other way round.
    assert_eq!(service.post(&json!({ "user_email": "eve@x.org" })).await.body["limit"], "calls");
}

#[tokio::test]
async fn one_network_holds_three_lines_that_nobody_uses() {
    let service = Service::new(&["--web-calls=20", "--web-livekit-interval=10s", PROXY]);
    for number in 0..10 {
        let answer = service.post_from("198.51.100.1", &json!({})).await;
        if number < 3 {
            assert_eq!(answer.status, StatusCode::OK);
            continue;
        }
        answer.problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
        assert_eq!(answer.body["limit"], "client");
        let seconds = answer.body["retry_after_seconds"].as_u64().unwrap();
        assert!((1..=15).contains(&seconds), "{seconds}");
        assert_eq!(answer.headers[RETRY_AFTER], seconds.to_string());
    }
    assert_eq!(service.post_from("198.51.100.2", &json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_shuts_the_address_of_another_out() {
    let service = Service::new(&["--web-tokens-per-email=2", PROXY]);
    let email = json!({ "user_email": "ann@x.org" });
    for limited in [false, false, true, true] {
        let answer = service.post_from("198.51.100.1", &email).await;
        assert_eq!(answer.body["limit"] == "email", limited, "{}", answer.body);
    }
    assert_eq!(service.post_from("198.51.100.2", &email).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_address_has_a_limit_of_its_own() {
    let service = Service::new(&["--web-tokens-per-email=2", "--web-tokens-per-address=0"]);
    for (email, fine) in [
        ("ann@x.org", true),
        ("Ann+1@X.org", true),
        ("ann@x.org", false),
        ("ann+2@x.org", false),
        ("bob@x.org", true),
    ] {
        let answer = service.post(&json!({ "user_email": email })).await;
        if fine {
            assert_eq!(answer.status, StatusCode::OK, "{email}");
            continue;
        }
        let detail = answer.problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
        assert!(detail.contains("with this e-mail address") && !detail.contains('@'), "{detail}");
        assert_eq!(answer.body["limit"], "email");
        let seconds = answer.body["retry_after_seconds"].as_u64().unwrap();
        assert!((1_790..=1_800).contains(&seconds), "{seconds}");
        assert_eq!(answer.headers[RETRY_AFTER], seconds.to_string());
    }
    // Who gives none is limited by network alone.
    assert_eq!(service.post(&json!({})).await.status, StatusCode::OK);
    assert_eq!(service.metric("postcall_web_connection_details_limited_total{limit=\"email\"}").await, 2);
}

#[tokio::test]
async fn domains_of_a_list_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("domains.txt");
    std::fs::write(&file, "# disposable\nmailinator.com\nb\u{fc}cher.example\n").unwrap();
    let service = Service::new(&[&format!("--web-refused-email-domains={}", file.display())]);
    for email in ["a@Mailinator.com", "a@x.mailinator.com", "a@B\u{dc}CHER.example"] {
        let answer = service.post(&json!({ "user_email": email })).await;
        let detail = answer.problem(StatusCode::FORBIDDEN, "email_domain_refused");
        assert!(!detail.contains("mailinator"), "{detail}");
        assert_eq!(answer.body["field"], "user_email");
    }
    assert_eq!(service.post(&json!({ "user_email": "a@company.com" })).await.status, StatusCode::OK);
    assert_eq!(
        Service::default().post(&json!({ "user_email": "a@mailinator.com" })).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn quotes_in_an_address_stay_inside_the_metadata() {
    let address = "\"},x{\"@x.org";
    assert_eq!(user_email(json!({ "user_email": address })).await, address);
}
