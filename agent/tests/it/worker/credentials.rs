//! Servers that do not take the agent's credentials: it says so, and takes calls as soon as it may.

use std::fs;

use test_servers::{NatsServer, SECRET};

use crate::providers::Providers;
use crate::servers::{Agent, start_livekit, wait_for};

#[test]
fn livekits_secret_is_read_anew_after_a_refusal() {
    let livekit = start_livekit();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "another-secret-that-is-long-enough-to-be-one\n").unwrap();
    let environment = [("LIVEKIT_API_SECRET", ""), ("LIVEKIT_API_SECRET_FILE", file.to_str().unwrap())];
    let providers = Providers::canned();
    let agent = Agent::spawn_with(&livekit, &providers, &[], &environment);
    let refusal = "not connected to LiveKit: LiveKit refuses the API key or secret (401)";
    wait_for("the refusal", || {
        agent.page("/readyz").filter(|(status, body)| *status == 503 && body.contains(refusal))
    });
    fs::remove_file(&file).unwrap();
    wait_for("the missing file", || {
        agent.page("/readyz").filter(|(_, body)| body.contains("read LiveKit's API secret"))
    });
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    agent.wait_connected();
    assert!(!agent.log().contains("another-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_that_refuses_the_agent_is_told_and_calls_are_taken() {
    let nats = NatsServer::start_with("authorization { users: [{user: agent, password: right}] }\n").await;
    let url = nats.url_for("agent", "not-this-one");
    let livekit = start_livekit();
    let providers = Providers::canned();
    let agent = Agent::start_with(&livekit, &providers, &[], &[("NATS_URL", &url)]);
    let told = "degraded\nnot connected to NATS: authorization violation: correct or renew NATS_URL; ended sessions wait in \
                the outbox: 0\n";
    wait_for("what is wrong", || {
        agent.page("/readyz").filter(|(status, body)| *status == 200 && body == told)
    });
    assert!(agent.metrics().contains("postcall_agent_nats_connected 0\n"));
    assert!(!agent.log().contains("not-this-one"), "the password");

    let right = nats.url_for("agent", "right");
    let agent = Agent::start_with(&livekit, &providers, &[], &[("NATS_URL", &right)]);
    wait_for("all is well", || agent.page("/readyz").filter(|(_, body)| body == "OK\n"));
    assert!(agent.metrics().contains("postcall_agent_nats_connected 1\n"));
}
