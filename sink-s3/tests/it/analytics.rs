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
    let base = include_str!("../../../schemas/golden/v1/agent-0.3.json");
    let base: Map<String, Value> = serde_json::from_str(base).unwrap();
    for number in 0..SESSIONS {
        stage.publish(&number.to_string(), &Value::Object(session(&base, number)).to_string()).await;
    }
    // As other publishers and older agents write it.
    stage.publish("old", include_str!("../../../schemas/golden/v1/nine-fields.json")).await;
    stage.publish("older", include_str!("../../../schemas/golden/v1/agent-0.1.json")).await;
    stage.publish("former", include_str!("../../../schemas/golden/v1/agent-0.2-budget-spent.json")).await;
    let odd = odd_payloads();
    for (number, payload) in odd.iter().enumerate() {
        stage.publish(&format!("odd-{number}"), payload).await;
    }
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
        .args([folder.path(), Path::new(&(SESSIONS + 3 + odd.len()).to_string())])
        .args([ddl("archive.sql", &[]), ddl("raw.sql", &["--raw"]), workspace().join("docs/ANALYTICS.md")])
        .output()
        .unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    println!("{out}");
}

/// Payloads with what JSON and RFC 3339 allow and the agent does not write, and with values of other types than it writes.
fn odd_payloads() -> Vec<String> {
    let members = [
        r#""start_time":"2025-11-12t10:00:00.25z""#,
        r#""start_time":"2025-11-12 10:00:00+01:00""#,
        r#""start_time":"2025-11-12T10:59:60.5Z""#,
        r#""start_time":"2025-11-12T10:00:00.123456789-23:59""#,
        r#""start_time":"2025-11-12T10:00:00""#,
        r#""start_time":"2025-11-12""#,
        r#""start_time":"2025-11-12T10:00Z""#,
        r#""start_time":"2025-11-12T10:00:00+0100""#,
        r#""start_time":"2025-11-12T10:00:00 UTC""#,
        r#""start_time":"2025-11-12T24:00:00Z""#,
        r#""start_time":"2025-02-30T10:00:00Z""#,
        r#""start_time":"0000-01-01T00:00:00Z""#,
        r#""start_time":"infinity""#,
        r#""start_time":1762941600"#,
        r#""duration_seconds":"NaN""#,
        r#""duration_seconds":"1.5""#,
        r#""duration_seconds":1e400"#,
        r#""duration_seconds":true"#,
        r#""duration_seconds":-1.5e1"#,
        r#""agent_name":7,"agent_version":{"a":1},"user_email":["a@x.org"],"room_sid":null"#,
        r#""schema_version":"1""#,
        r#""schema_version":1.5"#,
        r#""schema_version":1.0"#,
        r#""schema_version":1e2"#,
        r#""schema_version":9223372036854775807"#,
        r#""schema_version":18446744073709551615"#,
        r#""schema_version":9007199254740993.0"#,
        r#""metrics_summary":[1]"#,
        r#""metrics_summary":{"user_turns":2.0,"latencies":{"e2e_latency":{"count":"1","p50":0.5}}}"#,
        r#""metrics_summary":{"latencies":{"e2e_latency":{"count":1.5,"p50":0.5,"p95":"0.5"}}}"#,
        r#""metrics_summary":{"latencies":{"e2e_latency":{"count":1,"p50":0.5,"p95":"0.5"}}}"#,
        r#""metrics_summary":{"cost":"1","cost_currency":7,"early_replies":1.0,"early_replies_used":"1"}"#,
        r#""metrics_summary":{"cost":1e400,"cost_currency":"USD","model_usage":{"type":"llm_usage"}}"#,
        r#""metrics_summary":{"cost":1,"model_usage":[]}"#,
        r#""metrics_summary":{"cost_currency":"EUR","model_usage":[7,{"type":"llm_usage","provider":1,"model":{"a":1},
            "requests":"1","failures":1.5,"input_tokens":18446744073709551615,"output_tokens":2.0,"audio_duration":"1",
            "cost":-1e0},null,{},[{}],{"type":["tts_usage"],"characters_count":9007199254740993,"cost":null}]}"#,
        r#""tool_calls":{"name":"a"}"#,
        r#""tool_calls":[7,{"name":"a","start_time":7,"duration_seconds":"1","arguments":"x"},null,[1],
            {"name":["b"],"outcome":"success","start_time":"2025-11-12t10:00:60z","arguments":{"b": [1]}},"c"]"#,
        r#""tool_calls":[{"name":"a","arguments":null},{}]"#,
        r#""truncated":"transcript""#,
        r#""truncated":["transcript",1,null,{"a":1}]"#,
        r#""discovered_signals":{"a":null,"b":{"c": 1},"qualification_tier":["hot"]},"signal_sources":{"b":7}"#,
        r#""discovered_signals":{"a":"x","b":"y","c":"z","d d\"d":"w"},"signal_sources":{"a":{"turn":"1"},
            "b":{"turn":2,"recorded_at":"2025-11-12t10:00:00z"},"c":[1],"d d\"d":{"turn":3,"recorded_at":"?"}}"#,
        r#""discovered_signals":["a"],"signal_sources":{"a":{"turn":1}}"#,
        r#""discovered_signals":{"a":"x"},"signal_sources":"none""#,
    ];
    let payload = |(number, members): (usize, &&str)| {
        let end = ["2025-11-12T23:59:60Z", "2025-11-12t12:00:00z", "2025-11-12T12:00:00.5+01:00"][number % 3];
        format!(r#"{{"session_id":"odd-{number}","job_id":"AJ_1","end_time":"{end}",{members}}}"#)
    };
    members.iter().enumerate().map(payload).collect()
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
    payload["agent_version"] = json!(["0.3.0", "0.3.1"][number % 2]);
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
    payload["metrics_summary"]["llm_prompt_cached_tokens"] = json!(100 + number);
    payload["metrics_summary"]["llm_completion_tokens"] = json!(80 + number);
    payload["metrics_summary"]["stt_audio_duration"] = json!(length as f64 / 2.0);
    payload["metrics_summary"]["early_replies"] = json!(number % 5);
    payload["metrics_summary"]["early_replies_used"] = json!(number % 5 * 3 / 4);
    let models = models(number);
    match models.iter().map(|usage| usage["cost"].as_f64()).sum::<Option<f64>>() {
        Some(cost) => payload["metrics_summary"]["cost"] = json!(cost),
        // As the agent does, where a model has no price.
        None => payload["metrics_summary"]
            .as_object_mut()
            .unwrap()
            .retain(|name, _| !["cost", "cost_currency"].contains(&name.as_str())),
    }
    payload["metrics_summary"]["model_usage"] = Value::Array(models);
    if number % 10 == 9 {
        payload.remove("transcript");
        payload.insert("truncated".to_owned(), json!(["transcript"]));
    }
    payload
}

/// What each model did in a call: in every sixth one another recogniser took over, and every eighth one had a language model
/// without a price.
fn models(number: usize) -> Vec<Value> {
    let usage = |kind: &str, provider: &str, model: &str, failures: usize, cost: Option<f64>| {
        let mut usage = json!({
            "type": kind, "provider": provider, "model": model, "requests": 3 + number % 4, "failures": failures,
            "input_tokens": 0, "input_cached_tokens": 0, "input_audio_tokens": 0, "output_tokens": 0,
            "output_audio_tokens": 0, "characters_count": 0, "audio_duration": 0.0,
        });
        if let Some(cost) = cost {
            usage["cost"] = json!(cost);
        }
        usage
    };
    let (takes_over, priced) = (number.is_multiple_of(6), !number.is_multiple_of(8));
    let hearing = usage("stt_usage", "livekit", "deepgram/nova-3", takes_over.into(), Some(0.002));
    let instead = takes_over.then(|| usage("stt_usage", "ours", "whisper", 0, Some(0.0)));
    let mut thinking = match priced {
        true => usage("llm_usage", "openai", "gpt-4.1-mini", 0, Some(0.001 + number as f64 / 1e5)),
        false => usage("llm_usage", "openai", "new", usize::from(number == 8), None),
    };
    thinking["input_tokens"] = json!(1_000 + number);
    thinking["output_tokens"] = json!(90 + number);
    let mut speaking = usage("tts_usage", "livekit", "cartesia/sonic-3", 0, Some(0.015));
    speaking["characters_count"] = json!(300 + number);
    speaking["audio_duration"] = json!(20.5 + number as f64);
    [Some(hearing), instead, Some(thinking), Some(speaking)].into_iter().flatten().collect()
}
