//! Payloads as columns, odd ones included.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array as _, StructArray};

use super::*;

fn rows(payloads: &[&str]) -> RecordBatch {
    let mut rows = Rows::new();
    for payload in payloads {
        rows.push("key", &Payload::parse(payload.as_bytes()).unwrap());
    }
    rows.take().unwrap()
}

const AGENT_0_2: &str = include_str!("../../../../schemas/golden/v1/agent-0.2.json");
const AGENT_0_3: &str = include_str!("../../../../schemas/golden/v1/agent-0.3.json");

fn golden() -> RecordBatch {
    rows(&[AGENT_0_2])
}

fn text_of<'a>(batch: &'a RecordBatch, name: &str) -> &'a str {
    batch[name].as_string::<i32>().value(0)
}

#[test]
fn a_payload_fills_its_columns() {
    let batch = golden();
    assert_eq!(text_of(&batch, "session_id"), "pandadoc_trial_1763856000000_q7w2");
    assert_eq!(text_of(&batch, "user_email_domain"), "company.com");
    assert_eq!(text_of(&batch, "qualification_tier"), "nurture");
    assert_eq!(text_of(&batch, "end_reason"), "participant_left");
    let start = batch["start_time"].as_primitive::<TimestampMillisecondType>();
    assert_eq!(start.value(0), 1_763_856_001_250);
    assert_eq!(batch["e2e_latency_p95"].as_primitive::<Float64Type>().value(0), 0.662);
    assert_eq!(batch["user_talk_seconds"].as_primitive::<Float64Type>().value(0), 0.4);
    assert_eq!(batch["transcript_characters"].as_primitive::<Int64Type>().value(0), 8);
    let calls = batch["tool_calls"].as_list::<i32>().value(0);
    let calls: &StructArray = calls.as_struct();
    assert_eq!(calls.column_by_name("error").unwrap().as_string::<i32>().value(1), "timed out after 10 s");
    assert_eq!(calls.column_by_name("arguments").unwrap().as_string::<i32>().value(0), r#"{"team_size":12}"#);
    let signals = batch["signals"].as_list::<i32>().value(0);
    let signals: &StructArray = signals.as_struct();
    assert_eq!(signals.column_by_name("value").unwrap().as_string::<i32>().value(1), "12");
    assert_eq!(signals.column_by_name("turn").unwrap().as_primitive::<Int64Type>().value(1), 1);
    assert!(signals.column_by_name("turn").unwrap().is_null(0));
    assert_eq!(batch["discovered_signals"].as_map().value(0).len(), 2);
}

#[test]
fn what_each_model_did_is_a_list_and_none_of_an_older_agent() {
    let batch = rows(&[AGENT_0_3, AGENT_0_2]);
    for (name, value) in
        [("early_replies", 5), ("early_replies_used", 4), ("llm_discarded_prompt_tokens", 1_350)]
    {
        let values = batch[name].as_primitive::<Int64Type>();
        assert_eq!(values.iter().collect::<Vec<_>>(), [Some(value), None], "{name}");
    }
    let costs = batch["cost"].as_primitive::<Float64Type>();
    assert_eq!(costs.iter().collect::<Vec<_>>(), [Some(0.028_562_8), None]);
    assert_eq!(text_of(&batch, "cost_currency"), "USD");
    assert!(batch["model_usage"].is_null(1));
    let models = batch["model_usage"].as_list::<i32>().value(0);
    let models: &StructArray = models.as_struct();
    let texts = |name: &str| models.column_by_name(name).unwrap().as_string::<i32>().clone();
    let integers =
        |name: &str| models.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
    let numbers =
        |name: &str| models.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec();
    let types: Vec<_> = texts("type").iter().flatten().map(str::to_owned).collect();
    assert_eq!(types, ["stt_usage", "stt_usage", "llm_usage", "tts_usage"]);
    assert_eq!(texts("provider").value(1), "ours");
    assert_eq!(texts("model").value(2), "gpt-4.1-mini");
    assert_eq!(integers("requests"), [2, 5, 9, 8]);
    assert_eq!(integers("failures"), [1, 0, 0, 0]);
    assert_eq!(integers("input_tokens"), [0, 0, 8_120, 0]);
    assert_eq!(integers("input_cached_tokens"), [0, 0, 5_376, 0]);
    assert_eq!(integers("output_tokens"), [0, 0, 431, 0]);
    assert_eq!(integers("characters_count"), [0, 0, 0, 512]);
    assert_eq!(numbers("audio_duration"), [6.6, 14.2, 0.0, 31.4]);
    assert_eq!(numbers("cost"), [0.000_638, 0.0, 0.002_324_8, 0.025_6]);
}

#[test]
fn a_field_of_an_unexpected_type_is_none_and_the_payload_is_kept() {
    let odd = r#"{"session_id":7,"end_time":5,"discovered_signals":[1],"tool_calls":{"a":1},"truncated":"x",
        "transcript":"long","metrics_summary":[],"duration_seconds":"1"}"#;
    let batch = rows(&[odd, "{}"]);
    assert_eq!(batch.num_rows(), 2);
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !["object_key", "payload"].contains(&field.name().as_str()) {
            assert_eq!(column.null_count(), 2, "{}", field.name());
        }
    }
    assert_eq!(text_of(&batch, "payload"), odd);
}

#[test]
fn an_odd_element_does_not_keep_the_others_out() {
    let batch = rows(&[r#"{"tool_calls":[7,{"name":"a","start_time":7},null],"truncated":["transcript",1],
            "discovered_signals":{"a":null,"b":{"c":1},"d":true},"signal_sources":{"b":7},
            "metrics_summary":{"model_usage":["x",{"type":1,"model":"m","requests":"2","failures":3,"cost":"0.1"},{}]}}"#]);
    let calls = batch["tool_calls"].as_list::<i32>().value(0);
    assert_eq!(calls.len(), 1);
    assert!(calls.as_struct().column_by_name("start_time").unwrap().is_null(0));
    assert_eq!(batch["truncated"].as_list::<i32>().value(0).as_string::<i32>().value(0), "transcript");
    let signals = batch["discovered_signals"].as_map().value(0);
    let values: Vec<_> = signals.column(1).as_string::<i32>().iter().collect();
    assert_eq!(values, [None, Some(r#"{"c":1}"#), Some("true")]);
    let models = batch["model_usage"].as_list::<i32>().value(0);
    let models: &StructArray = models.as_struct();
    let nulls: Vec<_> = models.columns().iter().map(|column| column.null_count()).collect();
    assert_eq!((models.len(), nulls), (2, vec![2, 2, 1, 2, 1, 2, 2, 2, 2, 2, 2, 2, 2]));
}

#[test]
fn a_latency_that_was_never_measured_is_none() {
    let payload = |count: u32| {
        format!(r#"{{"metrics_summary":{{"latencies":{{"e2e_latency":{{"count":{count},"p50":0.0}}}}}}}}"#)
    };
    let batch = rows(&[&payload(0), &payload(1)]);
    let p50 = batch["e2e_latency_p50"].as_primitive::<Float64Type>();
    assert_eq!(p50.iter().collect::<Vec<_>>(), [None, Some(0.0)]);
}

#[test]
fn all_batches_have_the_same_columns() {
    assert_eq!(golden().schema(), schema().unwrap());
    assert_eq!(rows(&["{}"]).schema(), schema().unwrap());
}
