//! Proofs against robots: our own work, and Turnstile with a server in its place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Form;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::in_process::{PROXY, Service};

/// As the page's worker does.
pub(crate) fn meet(challenge: &Value) -> String {
    let (text, difficulty) =
        (challenge["challenge"].as_str().unwrap(), challenge["difficulty"].as_u64().unwrap());
    let zero_bits = |text: &str| {
        let bits = digest(&SHA256, text.as_bytes()).as_ref().iter().fold((0, true), |(bits, going), byte| {
            (bits + if going { u64::from(byte.leading_zeros()) } else { 0 }, going && *byte == 0)
        });
        bits.0
    };
    (0..u64::MAX)
        .map(|nonce| format!("{text}.{nonce}"))
        .find(|answer| zero_bits(answer) >= difficulty)
        .unwrap()
}

#[tokio::test]
async fn a_call_needs_work_where_it_is_asked_for() {
    let service = Service::new(&["--web-proof=work", "--web-proof-difficulty=10"]);
    let body = json!({ "user_email": "a@x.org" });
    service.post(&body).await.problem(StatusCode::FORBIDDEN, "proof_required");
    let challenge = service.get("/api/proof").await;
    assert_eq!((challenge.status, challenge.body["difficulty"].as_u64()), (StatusCode::OK, Some(10)));
    let answer = meet(&challenge.body);
    // What is wrong otherwise does not use it up.
    let wrong =
        service.post_with_proof(&format!("work {answer}"), &json!({ "user_email": "a b@x.org" })).await;
    wrong.problem(StatusCode::BAD_REQUEST, "invalid_email");
    for bad in [format!("{answer}1"), format!("{answer}."), "a.b".to_owned(), answer[1..].to_owned()] {
        service
            .post_with_proof(&format!("work {bad}"), &body)
            .await
            .problem(StatusCode::FORBIDDEN, "proof_refused");
    }
    for missing in ["", "work", "turnstile x", &answer] {
        service.post_with_proof(missing, &body).await.problem(StatusCode::FORBIDDEN, "proof_required");
    }
    assert_eq!(service.post_with_proof(&format!("work {answer}"), &body).await.status, StatusCode::OK);
    let again = service.post_with_proof(&format!("work {answer}"), &body).await;
    again.problem(StatusCode::FORBIDDEN, "proof_refused");
    for (outcome, count) in [("taken", 1), ("refused", 5), ("missing", 5), ("unavailable", 0)] {
        assert_eq!(
            service.metric(&format!("postcall_web_proofs_total{{outcome=\"{outcome}\"}}")).await,
            count,
            "{outcome}"
        );
    }
}

#[tokio::test]
async fn what_one_network_has_met_is_not_another_ones() {
    let service = Service::new(&["--web-proof=work", "--web-proof-difficulty=8", PROXY]);
    let of = |request: Builder, client: &str| request.header("x-forwarded-for", client);
    let challenge = service.send(of(Request::get("/api/proof"), "198.51.100.1"), String::new()).await;
    let proof = format!("work {}", meet(&challenge.body));
    let ask =
        || Request::post("/api/token").header("content-type", "application/json").header("x-proof", &proof);
    let other = service.send(of(ask(), "198.51.100.2"), "{}".to_owned()).await;
    other.problem(StatusCode::FORBIDDEN, "proof_refused");
    assert_eq!(service.send(of(ask(), "198.51.100.1"), "{}".to_owned()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_replica_takes_the_challenge_of_another_one() {
    let [one, two] = [(); 2].map(|()| Service::new(&["--web-proof=work", "--web-proof-difficulty=8"]));
    let answer = meet(&one.get("/api/proof").await.body);
    assert_eq!(two.post_with_proof(&format!("work {answer}"), &json!({})).await.status, StatusCode::OK);
    let stranger =
        Service::new(&["--web-proof=work", "--livekit-api-secret=another secret of thirty-two characters"]);
    let refused = stranger.post_with_proof(&format!("work {answer}"), &json!({})).await;
    refused.problem(StatusCode::FORBIDDEN, "proof_refused");
}

#[tokio::test]
async fn without_a_proof_of_work_there_are_no_challenges() {
    Service::default().get("/api/proof").await.problem(StatusCode::NOT_FOUND, "not_found");
    assert_eq!(Service::default().post_with_proof("work x.1", &json!({})).await.status, StatusCode::OK);
}

/// Answers as Turnstile does, and remembers what it was asked.
#[derive(Clone, Default)]
struct Stub(Arc<Mutex<Vec<Fields>>>);

/// Of a form.
type Fields = Vec<(String, String)>;

impl Stub {
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stub = self.clone();
        let answer = async move |Form(form): Form<Fields>| {
            let token = form.iter().find(|(name, _)| name == "response").map(|(_, token)| token.clone());
            stub.0.lock().push(form);
            match token.as_deref() {
                Some("good") => json!({ "success": true, "hostname": "voice.example" }).to_string(),
                Some("used") => {
                    json!({ "success": false, "error-codes": ["timeout-or-duplicate"] }).to_string()
                }
                Some("no-secret") => {
                    json!({ "success": false, "error-codes": ["invalid-input-secret"] }).to_string()
                }
                Some("html") => "<html>".to_owned(),
                Some("endless") => "x".repeat(1_000_000),
                Some("slow") => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    String::new()
                }
                _ => json!({ "success": false, "error-codes": ["invalid-input-response"] }).to_string(),
            }
        };
        let router = Router::new().route("/verify", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

fn turnstile(address: SocketAddr) -> Service {
    Service::new(&[
        "--web-proof=turnstile",
        "--web-turnstile-site-key=site",
        "--web-turnstile-secret=hidden",
        "--web-turnstile-timeout=1s",
        &format!("--web-turnstile-url=http://{address}/verify"),
    ])
}

#[tokio::test]
async fn turnstile_decides_where_it_is_asked_for() {
    let stub = Stub::default();
    let service = turnstile(stub.start().await);
    let body = json!({ "user_email": "a@x.org" });
    assert_eq!(service.post_with_proof("turnstile good", &body).await.status, StatusCode::OK);
    let asked = stub.0.lock().clone();
    let expected =
        [("secret", "hidden"), ("response", "good")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked, [expected.to_vec()], "neither the visitor's address nor the e-mail address is told");
    for token in ["used", "bad", &"x".repeat(2_049)] {
        let answer = service.post_with_proof(&format!("turnstile {token}"), &body).await;
        answer.problem(StatusCode::FORBIDDEN, "proof_refused");
    }
    service.post(&body).await.problem(StatusCode::FORBIDDEN, "proof_required");
    service.post_with_proof("work a.1", &body).await.problem(StatusCode::FORBIDDEN, "proof_required");
    assert_eq!(stub.0.lock().len(), 3, "only what could be a token is sent on");
}

#[tokio::test]
async fn where_turnstile_cannot_tell_the_visitor_is_told_to_come_back() {
    let stub = Stub::default();
    let service = turnstile(stub.start().await);
    let away = turnstile(([127, 0, 0, 1], 1).into());
    let started = Instant::now();
    for (service, token) in [
        (&service, "no-secret"),
        (&service, "html"),
        (&service, "endless"),
        (&service, "slow"),
        (&away, "good"),
    ] {
        let answer = service.post_with_proof(&format!("turnstile {token}"), &json!({})).await;
        let detail = answer.problem(StatusCode::SERVICE_UNAVAILABLE, "proof_unavailable");
        assert!(detail.contains("try again") && !detail.contains("secret"), "{detail}");
        assert_eq!(answer.headers["retry-after"], "10");
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}
