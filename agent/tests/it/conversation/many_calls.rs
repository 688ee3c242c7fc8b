//! Many calls at once: the sockets that they open are closed with them. A plan has few, and one that is left open is a lost call.

use serde_json::{Value, json};

use super::call::flite;
use super::stage::Stage;
use crate::servers::{AGENT_NAME, wait_for};

/// One process holds all callers, and on a busy machine it does not keep up with many more; as many as an agent takes are for a
/// benchmark.
const CALLS: usize = 8;

#[test]
fn calls_close_the_sockets_that_they_open() {
    let mut stage = Stage::on_a_canned_gateway(&[]);
    let simulator = stage.simulator();
    let rooms: Vec<_> = (0..CALLS).map(|number| format!("call-{number}")).collect();
    stage.all(&rooms, "join", &json!({"agent": AGENT_NAME, "tone": false}));
    stage.all(&rooms, "see_agent", &json!({"limit": 60}));
    wait_for("the socket of each", || {
        (simulator.sockets()["stt"]["open"].as_u64() >= Some(CALLS as u64)).then_some(())
    });
    let spoken = flite("we are twelve people");
    stage.all(&rooms, "speak", &json!({"file": spoken.path()}));
    // Some hang up in the middle of what they are told.
    let told = |sockets: &Value| sockets["tts"]["taken"]["session.flush"].as_u64().unwrap_or_default();
    wait_for("replies", || (told(&simulator.sockets()) >= CALLS as u64 / 2).then_some(()));
    stage.all(&rooms, "leave", &json!({}));
    for room in &rooms {
        let session = stage.exported(room);
        assert_eq!(session.metrics_summary.provider_errors, 0, "{room}");
    }
    let sockets = wait_for("the end of the sockets", || {
        let sockets = simulator.sockets();
        let is_closed = |kind: &str| sockets[kind]["open"] == 0;
        (is_closed("stt") && is_closed("tts")).then_some(sockets)
    });
    let count = |kind: &str, name: &str| sockets[kind][name].as_u64().expect("a count");
    assert!(count("stt", "opened") >= CALLS as u64, "{sockets}");
    for kind in ["stt", "tts"] {
        assert_eq!(count(kind, "opened"), count(kind, "closed"), "{kind}: {sockets}");
    }
    // The agent counts as many.
    for service in ["speech_to_text", "text_to_speech"] {
        let name = format!("service_sockets_open{{service=\"{service}\"}}");
        wait_for(&name, || (stage.agent.metric(&name) == 0.0).then_some(()));
    }
}
