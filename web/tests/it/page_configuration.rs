//! What the page is told of itself.

use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use clap::Parser as _;
use serde_json::json;
use tempfile::TempDir;
use web::configuration::Args;

use crate::in_process::{AGENT_NAME, Service, claims};

/// A file with this content, beside a logo.
fn file(content: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("logo.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").unwrap();
    let path = folder.path().join("page.toml");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn service(content: &str) -> Service {
    let (_folder, path) = file(content);
    Service::new(&[&flag(&path)])
}

fn flag(path: &Path) -> String {
    format!("--web-page-configuration={}", path.display())
}

#[tokio::test]
async fn without_a_file_there_is_a_default() {
    let answer = Service::default().get("/api/page-configuration").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    let default = json!({
        "name": "postcall", "logo": null, "colors": null, "texts": {}, "links": { "privacy": null, "imprint": null },
        "email": "optional", "proof": null,
    });
    assert_eq!(answer.body, default);
    Service::default().get("/api/logo").await.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn the_page_gets_what_the_file_says() {
    let service = service(
        "name = \"Example\"\nlogo = \"logo.svg\"\nemail = \"required\"\n[colors.dark]\naccent = \"#7FB0FF\"\n\
         [links]\nprivacy = \"https://example.com/privacy\"\n[texts.de]\n\"welcome.title\" = \"Guten Tag\"\n",
    );
    let told = service.get("/api/page-configuration").await.body;
    assert_eq!(
        told,
        json!({
            "name": "Example", "logo": "api/logo", "colors": { "dark": { "accent": "#7fb0ff" } },
            "texts": { "de": { "welcome.title": "Guten Tag" } },
            "links": { "privacy": "https://example.com/privacy", "imprint": null }, "email": "required", "proof": null,
        })
    );
    let logo = service.get("/api/logo").await;
    assert_eq!(
        (logo.status, &logo.headers[CONTENT_TYPE]),
        (StatusCode::OK, &"image/svg+xml".parse().unwrap())
    );
    // Opened by itself it is no page of ours: it runs nothing.
    assert!(logo.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().ends_with("sandbox"));
    assert_eq!(logo.headers["x-content-type-options"], "nosniff");
    assert!(logo.bytes.starts_with(b"<svg"));
}

#[tokio::test]
async fn the_page_is_told_which_proof_is_asked_for() {
    let work = Service::new(&["--web-proof=work"]).get("/api/page-configuration").await;
    assert_eq!(work.body["proof"], json!({ "kind": "work" }));
    let keys = ["--web-proof=turnstile", "--web-turnstile-site-key=site", "--web-turnstile-secret=hidden"];
    let turnstile = Service::new(&keys).get("/api/page-configuration").await;
    assert_eq!(turnstile.body["proof"], json!({ "kind": "turnstile", "site_key": "site" }));
    assert!(!String::from_utf8_lossy(&turnstile.bytes).contains("hidden"));
}

#[tokio::test]
async fn an_address_is_needed_or_not_taken_as_the_file_says() {
    let required = service("email = \"required\"");
    for body in [json!({}), json!({ "user_email": " " }), json!({ "participant_metadata": "{}" })] {
        let answer = required.post(&body).await;
        answer.problem(StatusCode::BAD_REQUEST, "email_required");
        assert_eq!(answer.body["field"], "user_email");
    }
    assert_eq!(required.post(&json!({ "user_email": "a@x.org" })).await.status, StatusCode::OK);
    let none = service("email = \"none\"").post(&json!({ "user_email": "ann@x.org" })).await;
    assert_eq!(none.status, StatusCode::OK);
    assert!(!claims(&none.body).to_string().contains("ann@x.org"));
}

#[tokio::test]
async fn pages_that_are_named_may_show_ours_in_a_frame() {
    let service =
        service("[embedding]\nallowed_origins = [\"https://www.example.com\", \"http://localhost:5173\"]");
    let headers = service.get("/").await.headers;
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.ends_with("frame-ancestors https://www.example.com http://localhost:5173"), "{policy}");
    assert!(!headers.contains_key("x-frame-options"), "it would forbid what the policy allows");
}

#[test]
fn a_file_with_faults_stops_the_program_with_all_of_them() {
    let (_folder, path) = file(
        "name = \"\"\nlogo = \"page.toml\"\n[colors.light]\naccent = \"#eeeeee\"\n[texts.en]\n\"a\" = 1\n",
    );
    let required = ["web", "--livekit-url=ws://127.0.0.1:1", "--livekit-api-key=k", "--livekit-api-secret=s"];
    let agent = format!("--agent-name={AGENT_NAME}");
    let flags = required.into_iter().map(str::to_owned).chain([agent, flag(&path)]);
    let told = format!("{:#}", Args::try_parse_from(flags).unwrap().into_settings().unwrap_err());
    for words in [
        "page.toml:1:8: `name` is empty",
        "page.toml:2:8: `logo`",
        "neither a PNG nor an SVG",
        "page.toml:4:10:",
        "page.toml:6:1:",
    ] {
        assert!(told.contains(words), "{words} is not in\n{told}");
    }
    assert_eq!(told.lines().count(), 5, "{told}");
}
