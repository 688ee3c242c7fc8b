//! A person's way: the page in a real browser.

use std::process::Command;

use serde_json::Value;
use test_servers::workspace;
use tests::archive::Archive;
use tests::leads::Leads;
use tests::stack::Stack;

use crate::call::SOON;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_from_the_page_reaches_the_archive_and_the_lead() {
    let stack = Stack::start().await.unwrap();
    let microphone = stack.folder.path().join("microphone.wav");
    let spoken =
        Command::new("espeak-ng").args(["-w"]).arg(&microphone).arg("Hello, this is a test call.").status();
    assert!(spoken.unwrap().success());
    let mut call = Command::new("node");
    call.arg(workspace().join("tests/browser/call.mjs"))
        .args([
            "--url",
            stack.environment.get("WEB_URL").unwrap(),
            "--email",
            "test@company.com",
            "--seconds",
            "4",
        ])
        .arg("--microphone")
        .arg(&microphone);
    let output = tokio::task::spawn_blocking(move || call.output()).await.unwrap().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event = |name: &str| events.iter().find(|event| event["event"] == name).unwrap();
    let session_id = event("connection-details")["answer"]["roomName"].as_str().unwrap();
    event("agent-audio");
    event("hung-up");

    let archived = Archive::open(&stack.environment).unwrap().wait_for(session_id, SOON).await.unwrap();
    assert_eq!(archived.payload["user_email"], "test@company.com");
    assert_eq!(archived.payload["end_reason"], "participant_left");
    assert!(archived.payload["metrics_summary"]["audio_received_seconds"].as_f64().unwrap() > 2.0);
    Leads::open(&stack.environment).unwrap().wait_for("test@company.com", session_id, SOON).await.unwrap();
}
