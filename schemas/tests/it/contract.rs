//! What readers in other languages rely on: the committed documents, and the payloads of every version so far.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use schemas::{EndReason, SessionEnded, SessionEvent, SessionId, UsageType};
use serde_json::Value;

fn read(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Payloads of every version, by the name of their file.
fn golden_payloads() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1");
    let payload = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(payload).collect()
}

#[test]
fn generated_documents_are_current() {
    for (name, document) in schemas::documents::all() {
        let committed = String::from_utf8(read(&format!("generated/{name}"))).unwrap();
        assert!(
            committed == format!("{document:#}\n"),
            "{name} is not current: run `make schemas` and commit it"
        );
    }
}

#[test]
fn every_golden_payload_decodes() {
    let golden = golden_payloads();
    assert!(golden.len() >= 6);
    for bytes in golden.values() {
        let session: SessionEnded = serde_json::from_slice(bytes).unwrap();
        let event = SessionEvent::decode(bytes, Some("message-1")).unwrap();
        assert_eq!(event.identity.session_id, session.session_id);
        assert_eq!(event.end_time, session.end_time);
        assert_eq!(event.email.address().unwrap().as_str(), "test@company.com");
        assert!(event.qualification_tier.is_some());
    }
}

#[test]
fn the_agents_payload_is_written_as_the_newest_golden_one() {
    let golden: Value = serde_json::from_slice(&read("golden/v1/agent-0.3.json")).unwrap();
    let session: SessionEnded = serde_json::from_value(golden.clone()).unwrap();
    assert_eq!(serde_json::to_value(&session).unwrap(), golden);
}

/// Version 1 only grows: what stood in an older payload stands in the same place of what is written today.
#[test]
fn no_field_of_older_agents_is_lost() {
    let golden = golden_payloads().into_iter().filter(|(name, _)| name.starts_with("agent-"));
    for (name, bytes) in golden {
        let payload: Value = serde_json::from_slice(&bytes).unwrap();
        let session: SessionEnded = serde_json::from_value(payload.clone()).unwrap();
        assert_stands_in(&payload, &serde_json::to_value(&session).unwrap(), &name);
    }
}

fn assert_stands_in(old: &Value, new: &Value, path: &str) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                let path = format!("{path}.{name}");
                assert_stands_in(value, new.get(name).unwrap_or(&Value::Null), &path);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, value) in old.iter().enumerate() {
                assert_stands_in(value, &new[index], &format!("{path}.{index}"));
            }
        }
        (old, new) => assert_eq!(old, new, "{path}"),
    }
}

#[test]
fn an_older_agent_says_nothing_of_models_and_costs() {
    let session: SessionEnded = serde_json::from_slice(&read("golden/v1/agent-0.2.json")).unwrap();
    let metrics = &session.metrics_summary;
    assert!(metrics.model_usage.is_empty() && metrics.cost.is_none() && metrics.cost_currency.is_none());
    assert_eq!((metrics.early_replies, metrics.llm_discarded_prompt_tokens), (0, 0));
}

#[test]
fn a_service_that_took_over_stands_beside_the_one_that_failed() {
    let session: SessionEnded = serde_json::from_slice(&read("golden/v1/agent-0.3.json")).unwrap();
    let metrics = &session.metrics_summary;
    let heard = metrics.model_usage.iter().filter(|usage| usage.kind == UsageType::SttUsage);
    let heard: Vec<_> = heard.map(|usage| (&*usage.provider, usage.failures, usage.cost)).collect();
    assert_eq!(heard, [("livekit", 1, Some(0.000_638)), ("ours", 0, Some(0.0))]);
    let costs: f64 = metrics.model_usage.iter().filter_map(|usage| usage.cost).sum();
    assert!((metrics.cost.unwrap() - costs).abs() < 1e-9, "{costs}");
}

#[test]
fn reasons_and_services_of_newer_versions_are_read() {
    assert_eq!(serde_json::from_str::<EndReason>("\"abducted\"").unwrap(), EndReason::Unknown);
    assert_eq!(serde_json::from_str::<UsageType>("\"avatar_usage\"").unwrap(), UsageType::Unknown);
}

prop_compose! {
    fn any_session()(
        session_id in "\\PC{1,40}",
        job_id in proptest::option::of("\\PC{1,40}"),
        user_email in "\\PC{0,40}",
        metadata in proptest::collection::btree_map("\\PC{0,10}", "\\PC{0,10}", 0..4),
        start in 0_i64..4_102_444_800_000,
        duration in 0_i64..86_400_000,
    ) -> SessionEnded {
        let mut session: SessionEnded = serde_json::from_slice(&read("golden/v1/agent-0.1.json")).unwrap();
        session.session_id = SessionId::try_from(session_id).unwrap();
        session.job_id = job_id;
        session.user_email = user_email;
        session.user_metadata = metadata.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
        session.start_time = chrono::DateTime::from_timestamp_millis(start).unwrap();
        session.end_at(session.start_time + chrono::TimeDelta::milliseconds(duration));
        session
    }
}

proptest! {
    #[test]
    fn a_payload_survives_the_wire(session in any_session()) {
        let bytes = serde_json::to_vec(&session).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<SessionEnded>(&bytes).unwrap(), &session);
        let event = SessionEvent::decode(&bytes, None).unwrap();
        prop_assert_eq!(event.end_time, session.end_time);
        if let Some(identity) = session.identity() {
            prop_assert_eq!(event.identity, identity);
        }
    }
}
