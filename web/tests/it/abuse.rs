//! Whatever strangers send: a clear refusal, no panic, level memory, and nothing in the log that should not be.

use serde_json::{Value, json};

use crate::client::Client;
use crate::running::Running;

/// What no line of the log may have.
const ADDRESS: &str = "somebody.private@company.example";
const MARK: &str = "Zq7Marker";

#[tokio::test]
async fn hostile_requests_are_refused_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let service = Running::start_logging_to(
        &log,
        &["--web-tokens-per-address=0", "--web-tokens=0", "--web-tokens-per-email=3"],
    );
    let warm = Client::connect(1, service.http).await.token("").await;
    assert_eq!(warm.status, 200);
    let before = service.memory();

    for round in 0..20 {
        for (request, status) in heads() {
            let answer = Client::connect(2, service.http).await.ask(&request).await;
            assert_eq!(answer.status, status, "{}", &request[..request.len().min(300)]);
        }
        for (body, status, code) in bodies() {
            let answer = Client::connect(2, service.http).await.token_with("", &body).await;
            assert_eq!(answer.status, status, "round {round}: {}", &body[..body.len().min(200)]);
            assert_eq!(answer.content_type, "application/problem+json");
            let problem: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["code"], code, "{}", &body[..body.len().min(200)]);
            assert!(!answer.body.contains(MARK) && !answer.body.contains(ADDRESS), "{}", answer.body);
        }
    }
    for status in [200, 200, 200, 429] {
        let answer = Client::connect(2, service.http)
            .await
            .token_with("", &json!({ "user_email": ADDRESS }).to_string())
            .await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }

    let after = service.memory();
    println!("hostile requests: {before} MiB, then {after} MiB");
    assert!(after < before + 16, "{before} MiB, then {after} MiB");
    assert_eq!(Client::connect(1, service.http).await.token("").await.status, 200);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("s***@company.example"), "it is logged masked:\n{log}");
    for word in ["panicked", MARK, ADDRESS, "somebody.private", "secret of thirty-two", "eyJ"] {
        assert!(!log.contains(word), "{word} is in the log");
    }
}

/// Requests whose head is wrong, or too much. Not all of them come as far as to what writes problems.
fn heads() -> Vec<(String, u16)> {
    let post = |headers: &str, body: &str| {
        format!("POST /api/token HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n{body}")
    };
    let json = "Content-Type: application/json\r\n";
    let many = (0..120).map(|number| format!("X-{number}: {MARK}\r\n")).collect::<String>();
    vec![
        (post(&format!("{json}Content-Length: 2\r\nContent-Length: 3\r\n"), "{}"), 400),
        (post(&format!("{json}Content-Length: -2\r\n"), "{}"), 400),
        (post(&format!("{json}X-Bad: a\u{0}{MARK}\r\nContent-Length: 2\r\n"), "{}"), 400),
        (post(&format!("{json}X Bad: {MARK}\r\nContent-Length: 2\r\n"), "{}"), 400),
        (post(&format!("{json}{many}Content-Length: 2\r\n"), "{}"), 431),
        (post(&format!("{json}X-Long: {}\r\nContent-Length: 2\r\n", MARK.repeat(8_000)), "{}"), 431),
        (post("Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}"), 415),
        (post(&format!("Content-Type: {MARK}\r\nContent-Length: 2\r\n"), "{}"), 415),
        (post(&format!("{json}Origin: https://other.example\r\nContent-Length: 2\r\n"), "{}"), 403),
        (post(&format!("{json}Origin: null\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 2\r\n"), "{}"), 403),
        (post(&format!("{json}X-Proof: {MARK}\r\nX-Proof: {MARK}\r\nX-Forwarded-For: {MARK}\r\nContent-Length: 1\r\n"), "{"), 400),
        ("DELETE /api/token HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: POST\r\nConnection: close\r\n\r\n".to_owned(), 405),
        (format!("POST /api/{MARK}/../token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), 404),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "%2e%2e%2f".repeat(500)), 404),
    ]
}

/// Bodies that are no request for a call.
fn bodies() -> Vec<(String, u16, &'static str)> {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(3_000), close.repeat(3_000));
    let email = |address: &str| json!({ "user_email": address }).to_string();
    let unreadable = "unreadable_body";
    let mut bodies = vec![
        (format!("{{\"user_email\":\"{}\"}}", MARK.repeat(120_000)), 413, unreadable),
        (" ".repeat(1024 * 1024), 413, unreadable),
        (deep("[", "]"), 400, unreadable),
        (deep("{\"a\":", "}"), 400, unreadable),
        (deep("{\"room_config\":", "}"), 400, unreadable),
        (String::new(), 400, unreadable),
        (format!("{MARK}{ADDRESS}"), 400, unreadable),
        (format!("{{\"user_email\":\"{ADDRESS}\""), 400, unreadable),
        ("{\"a\":1e999999}".to_owned(), 400, unreadable),
        (json!({ "room_name": MARK, "user_email": ADDRESS }).to_string(), 403, "not_yours_to_choose"),
        (
            json!({ "participant_identity": MARK, "user_email": ADDRESS }).to_string(),
            403,
            "not_yours_to_choose",
        ),
        (json!({ "room_config": { "name": MARK } }).to_string(), 403, "not_yours_to_choose"),
        (json!({ "room_config": { "agents": [{ "agent_name": MARK }] } }).to_string(), 403, "other_agent"),
        (json!({ "participant_metadata": { "user_email": ADDRESS } }).to_string(), 400, "wrong_type"),
        (json!({ "participant_attributes": { MARK: [ADDRESS] } }).to_string(), 400, "wrong_type"),
        (json!({ "user_email": [ADDRESS] }).to_string(), 400, "wrong_type"),
    ];
    let addresses = [
        format!("{}@x.org", "a".repeat(50_000)),
        format!("a@{}.org", "b".repeat(50_000)),
        format!("{MARK}\u{0}@x.org"),
        format!("{MARK}\r\nBcc: {ADDRESS}"),
        format!("{MARK}\u{1b}[31m@x.org"),
        format!("{MARK}@x\u{7f}.org"),
        format!("{MARK} {ADDRESS}"),
        format!("{ADDRESS},{ADDRESS}"),
        format!("\u{202e}{MARK}@"),
        "@".repeat(60_000),
        "\u{ff20}".repeat(10_000),
        format!("mailto:{}", "%25".repeat(10_000)),
        "<".repeat(30_000),
    ];
    bodies.extend(addresses.iter().map(|address| (email(address), 400, "invalid_email")));
    let metadata =
        json!({ "participant_metadata": json!({ "user_email": format!("{MARK}\u{0}") }).to_string() });
    bodies.push((metadata.to_string(), 400, "invalid_email"));
    bodies
}
