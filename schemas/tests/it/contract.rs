//! What readers in other languages rely on: the committed documents, and the payloads of every version so far.

use std::path::Path;

use proptest::prelude::*;
use schemas::{EndReason, SessionEnded, SessionEvent, SessionId};
use serde_json::Value;

fn read(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let session: SessionEnded = serde_json::from_slice(&bytes).unwrap();
        let event = SessionEvent::decode(&bytes, Some("message-1")).unwrap();
        assert_eq!(event.identity.session_id, session.session_id);
        assert_eq!(event.end_time, session.end_time);
        assert_eq!(event.email.address().unwrap().as_str(), "test@company.com");
        assert!(event.qualification_tier.is_some());
        seen += 1;
    }
    assert!(seen >= 3);
}

#[test]
fn the_agents_payload_is_written_as_the_newest_golden_one() {
    let golden: Value = serde_json::from_slice(&read("golden/v1/agent-0.2.json")).unwrap();
    let session: SessionEnded = serde_json::from_value(golden.clone()).unwrap();
    assert_eq!(serde_json::to_value(&session).unwrap(), golden);
}

#[test]
fn reasons_of_newer_versions_are_read() {
    assert_eq!(serde_json::from_str::<EndReason>("\"abducted\"").unwrap(), EndReason::Unknown);
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
