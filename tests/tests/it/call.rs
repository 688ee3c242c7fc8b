//! A call from its beginning to the archive and the Lead.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use test_servers::{tool, workspace};
use tests::archive::Archive;
use tests::caller::{Caller, ConnectionDetails};
use tests::leads::Leads;
use tests::stack::Stack;

pub(crate) const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_reaches_the_archive_and_the_lead() {
    let stack = Stack::start().await.unwrap();
    let email = "test@company.com";
    let details = ConnectionDetails::request(&stack.environment, email).await.unwrap();
    let mut caller = Caller::join(&stack.environment, &details).await.unwrap();
    caller.wait_for_agent(SOON).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let session_id = caller.session_id.clone();
    caller.hang_up().await.unwrap();

    let archive = Archive::open(&stack.environment).unwrap();
    let archived = archive.wait_for(&session_id, SOON).await.unwrap();
    let payload = &archived.payload;
    assert_eq!(payload["session_id"], session_id);
    assert_eq!(payload["user_email"], email);
    assert_eq!(payload["user_metadata"]["user_email"], email);
    assert_eq!(payload["end_reason"], "participant_left");
    let heard = payload["metrics_summary"]["audio_received_seconds"].as_f64().unwrap();
    assert!((2.0..4.5).contains(&heard), "heard {heard} s of a call of 3 s");
    let end_time = payload["end_time"].as_str().unwrap();
    let day = format!("sessions/year={}/month={}/day={}/", &end_time[..4], &end_time[5..7], &end_time[8..10]);
    let job_id = payload["job_id"].as_str().unwrap();
    assert_eq!(archived.key, format!("{day}{session_id}-{job_id}.json.gz"));

    let leads = Leads::open(&stack.environment).unwrap();
    let lead = leads.wait_for(email, &session_id, SOON).await.unwrap();
    assert_eq!(&lead["Last_Voice_Call_Date__c"].as_str().unwrap()[..19], &end_time[..19]);

    let log = stack.agent.log();
    assert!(log.contains("Session started for email: t***@company.com"), "{log}");
    for process in [&stack.agent, &stack.web, &stack.sink_s3, &stack.sink_salesforce] {
        assert!(!process.log().contains(email), "an address in a log:\n{}", process.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_by_the_python_sdk_is_archived_with_its_duration() {
    let stack = Stack::start().await.unwrap();
    let setting = |name: &str| stack.environment.get(name).unwrap().to_owned();
    let mut call = Command::new(tool("python/bin/python"));
    call.arg(workspace().join("tests/python/call.py"))
        .args(["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "AGENT_NAME"].map(setting))
        .args(["python_call", "ada@analytical.example", "6"]);
    let output = tokio::task::spawn_blocking(move || call.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), stack.agent.log());
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["event"], "agent-heard");
    let seconds = lines[1]["seconds"].as_f64().unwrap();

    let archived = Archive::open(&stack.environment).unwrap().wait_for("python_call", SOON).await.unwrap();
    assert_eq!(archived.payload["user_email"], "ada@analytical.example");
    let duration = archived.payload["duration_seconds"].as_f64().unwrap();
    assert!((duration - seconds).abs() < 5.0, "{duration} s of a call of {seconds} s");
}
