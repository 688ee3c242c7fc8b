//! What docs/ANALYTICS.md says, over an archive that the program wrote.

use std::path::Path;
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use test_servers::{tool, workspace};

use crate::program::Stage;

/// Sessions of two weeks.
const SESSIONS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn every_question_has_an_answer_and_all_engines_agree() {
    let stage = Stage::set_up().await;
    let _program = stage.run();
    let base = include_str!("../../../schemas/golden/v1/agent-0.2.json");
    let base: Map<String, Value> = serde_json::from_str(base).unwrap();
    for number in 0..SESSIONS {
        stage.publish(&number.to_string(), &Value::Object(session(&base, number)).to_string()).await;
    }
    // As other publishers and older agents write it.
    stage.publish("old", include_str!("../../../schemas/golden/v1/nine-fields.json")).await;
    stage.publish("older", include_str!("../../../schemas/golden/v1/agent-0.1.json")).await;
    stage.all_settled().await;
    stage.succeed(&["compact", "--from", "2025-10-29", "--to", "2025-11-30"]);

    let folder = tempfile::tempdir().unwrap();
    for key in stage.store.keys(&stage.bucket, "").await {
        let path = folder.path().join("archive").join(&key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, stage.store.object(&stage.bucket, &key).await.1).unwrap();
    }
    let ddl = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        let flags = [&["ddl", "duckdb", "--location", "archive"], more].concat();
        std::fs::write(&path, stage.succeed(&flags)).unwrap();
        path
    };
    let output = Command::new(tool("python/bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/analytics.py"))
        .args([folder.path(), Path::new(&(SESSIONS + 2).to_string())])
        .args([ddl("archive.sql", &[]), ddl("raw.sql", &["--raw"]), workspace().join("docs/ANALYTICS.md")])
        .output()
        .unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    println!("{out}");
}

/// The payload of a call, each a little different.
fn session(base: &Map<String, Value>, number: usize) -> Map<String, Value> {
    let start = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(1_762_900_000 + 9_137 * number as i64);
    let at = |seconds: i64| schemas::timestamp::format(&(start + TimeDelta::seconds(seconds)));
    let length = 40 + (number as i64 * 37) % 400;
    let company = ["acme.example", "Globex.example", "initech.example", "gmail.com"][number % 4];
    let tier = ["hot", "warm", "cold", "unqualified"][number % 7 % 4];
    let crm = ["salesforce", "hubspot", "none"][number % 3];
    let mut signals = json!({ "qualification_tier": tier, "crm": crm });
    let mut sources = json!({ "crm": { "recorded_at": at(20), "turn": 1 + number % 3 } });
    if number.is_multiple_of(2) {
        signals["team_size"] = json!(number % 60);
        let odd = [json!({ "a": [number] }), json!(1.5), json!(true), json!("it's \"quoted\"")];
        signals["odd"] = odd[number / 2 % 4].clone();
        sources["team_size"] = json!({ "recorded_at": at(31), "turn": 2 });
    }
    let call = |name: &str, failed: bool| {
        let mut call = json!({
            "name": name, "arguments": { "day": "monday", "n": number }, "start_time": at(35),
            "duration_seconds": 0.25 + number as f64 / 100.0, "outcome": if failed { "error" } else { "success" },
        });
        if failed {
            call["error"] = json!("timed out after 10 s");
        }
        call
    };
    let calls = match tier {
        "hot" => vec![call("record_signals", false), call("book_demo", number.is_multiple_of(3))],
        _ => Vec::new(),
    };
    let question = ["How many people are on your team?", "Where do you keep your customers?"][number % 2];
    let mut payload = base.clone();
    payload["session_id"] = json!(format!("room {}/{number}", number % 5));
    payload["job_id"] = json!(format!("AJ_{number}"));
    payload["user_email"] = json!(format!("Person{}@{company}", number % 30));
    payload["start_time"] = json!(at(0));
    payload["end_time"] = json!(at(length));
    payload["duration_seconds"] = json!(length as f64);
    payload["agent_version"] = json!(["0.1.0", "0.2.0"][number % 2]);
    payload["end_reason"] = json!(["participant_left", "agent_ended", "connection_lost"][number % 5 % 3]);
    payload["discovered_signals"] = signals;
    payload["signal_sources"] = sources;
    payload["tool_calls"] = json!(calls);
    payload["transcript"] = json!([
        { "role": "agent", "text": "Hello! How can I help?", "start_time": at(1), "end_time": at(4) },
        { "role": "user", "text": "We use hub spot — über alles.", "start_time": at(5), "end_time": at(9) },
        { "role": "agent", "text": question, "start_time": at(10), "end_time": at(13), "interrupted": number.is_multiple_of(4) },
    ]);
    let latency = &mut payload["metrics_summary"]["latencies"]["e2e_latency"];
    *latency = json!({ "count": number % 6, "p50": 0.4 + number as f64 / 500.0, "p95": 0.6 + number as f64 / 300.0 });
    payload["metrics_summary"]["llm_prompt_tokens"] = json!(900 + number);
    payload["metrics_summary"]["llm_completion_tokens"] = json!(80 + number);
    payload["metrics_summary"]["stt_audio_duration"] = json!(length as f64 / 2.0);
    if number % 10 == 9 {
        payload.remove("transcript");
        payload.insert("truncated".to_owned(), json!(["transcript"]));
    }
    payload
}
