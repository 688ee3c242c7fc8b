//! A token is for joining: a call that has begun goes on when it has expired, however soon that is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, ExitStatus, Stdio};

use chrono::Utc;
use serde_json::{Value, json};
use test_servers::{KEY, LiveKitServer, SECRET, eventually, workspace};

/// livekit-server takes a token for so much longer than it says.
const LEEWAY_SECONDS: i64 = 60;

#[tokio::test]
async fn a_call_goes_on_when_its_token_has_expired() {
    let mut livekit = LiveKitServer::spawn();
    eventually("livekit-server listens", async || livekit.answers()).await;
    let url = livekit.url();
    let (status, outcome, errors) = tokio::task::spawn_blocking(move || reconnect(&url)).await.unwrap();
    assert!(status.success(), "{errors}\n{}", livekit.log());
    let outcome: Value = serde_json::from_str(&outcome).unwrap();
    let outcomes = json!({ "resume-reconnect": "connected", "full-reconnect": "connected" });
    assert_eq!(outcome, json!({ "refused": 401, "outcomes": outcomes }));
}

/// Runs the browser, which gets its token when it is about to join. Status, outcome and errors.
fn reconnect(url: &str) -> (ExitStatus, String, String) {
    let mut script = Command::new("node")
        .arg(workspace().join("tests/browser/reconnect.mjs"))
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(script.stdout.take().unwrap());
    let (mut ready, mut outcome) = (String::new(), String::new());
    lines.read_line(&mut ready).unwrap();
    // A script that has ended says so by its status.
    drop(writeln!(script.stdin.take().unwrap(), "{}", token()));
    lines.read_to_string(&mut outcome).unwrap();
    let output = script.wait_with_output().unwrap();
    (output.status, outcome, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The rights that a visitor's token has, for 20 s.
fn token() -> String {
    let now = Utc::now().timestamp();
    let claims = json!({
        "iss": KEY,
        "sub": "caller",
        "nbf": now - 600,
        "exp": now - LEEWAY_SECONDS + 20,
        "video": { "roomJoin": true, "room": "call", "canPublish": true, "canSubscribe": true, "canPublishData": true },
    });
    service::shared_secret_token(SECRET, &claims).unwrap()
}
