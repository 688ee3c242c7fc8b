//! What whoever runs the service relies on.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HOST, ORIGIN,
};
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::in_process::{API_SECRET, Service, claims};
use crate::running::Running;

#[tokio::test]
async fn readiness_ends_with_the_shutdown_and_health_does_not() {
    let service = Service::default();
    assert_eq!(service.get_operations("/readyz").await.status, StatusCode::OK);
    service.shutdown.cancel();
    assert_eq!(service.get_operations("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.get_operations("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn visitors_see_no_more_than_that_the_service_is_there() {
    let service = Service::default();
    for path in ["/metrics", "/readyz"] {
        assert_eq!(service.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(service.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_in_a_file_is_read_anew_and_readiness_says_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let service = Service::new(&[&format!("--livekit-api-secret-file={}", file.display())]);
    let ready = service.get_operations("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8_lossy(&ready.bytes).contains("LiveKit's API secret"));
    assert_eq!(service.post(&json!({})).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    for secret in ["another secret of thirty characters", API_SECRET] {
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        assert_eq!(service.get_operations("/readyz").await.status, StatusCode::OK);
        assert_eq!(service.post(&json!({})).await.status, StatusCode::OK);
    }
    // It is the last one that signs.
    claims(&service.post(&json!({})).await.body);
}

/// Its memory has LiveKit's secret.
#[test]
fn a_crash_leaves_no_dump_of_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Running::start_with_core_dumps(folder.path());
    let (soft, hard) = service.limit("Max core file size");
    // Where nobody may have dumps, not even a byte is allowed.
    assert!(soft == hard && ["0", "1"].contains(&soft.as_str()), "{soft}, {hard}");
    service.crash();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn answers_are_counted_by_status() {
    let service = Service::default();
    service.post(&json!({})).await;
    service.post(&json!({})).await;
    service.post(&json!({ "room_name": "boardroom" })).await;
    service.post_text("application/json", "{").await;
    let text = String::from_utf8(service.get_operations("/metrics").await.bytes.to_vec()).unwrap();
    for (status, count) in [(200, 2), (403, 1), (400, 1)] {
        let line = format!("postcall_web_connection_details_answers_total{{status=\"{status}\"}} {count}");
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn only_named_origins_may_read_the_answers() {
    let ask = |origin: &'static str| {
        Request::options("/api/connection-details")
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-sandbox-id,x-proof")
    };
    let open = Service::new(&["--allow-origin=https://one.example,https://two.example"]);
    for origin in ["https://one.example", "https://two.example"] {
        let answer = open.send(ask(origin), String::new()).await;
        assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        let request = Request::post("/api/connection-details").header(CONTENT_TYPE, "application/json");
        let answer = open.send(request.header(ORIGIN, origin), "{}".to_owned()).await;
        assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        assert_eq!(answer.headers[ACCESS_CONTROL_EXPOSE_HEADERS], "retry-after");
    }
    for (service, origin) in [(open, "https://three.example"), (Service::default(), "https://one.example")] {
        let answer = service.send(ask(origin), String::new()).await;
        assert!(!answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
        // Whoever asks all the same gets nothing.
        let request =
            Request::post("/api/token").header(CONTENT_TYPE, "application/json").header(ORIGIN, origin);
        let answer = service.send(request.header(HOST, "voice.example"), "{}".to_owned()).await;
        answer.problem(StatusCode::FORBIDDEN, "foreign_origin");
        assert!(!answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
        let request = Request::post("/api/token").header(CONTENT_TYPE, "application/json");
        let request = request.header(HOST, "voice.example").header(ORIGIN, "https://voice.example");
        assert_eq!(service.send(request, "{}".to_owned()).await.status, StatusCode::OK);
    }
}
