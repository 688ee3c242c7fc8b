//! A worker whose spool cannot be written takes no calls.

use serde_json::json;

use crate::callers::Callers;
use crate::providers::Providers;
use crate::refusing_disk::Disk;
use crate::servers::{AGENT_NAME, Agent, start_livekit, wait_for};

#[test]
fn a_worker_without_a_spool_takes_no_call_until_it_has_one() {
    let livekit = start_livekit();
    let (disk, providers) = (Disk::new(), Providers::canned());
    let spool = disk.path().join("spool");
    let (spool, settings) = (spool.to_str().expect("a path"), ["--agent-spool-failure-limit", "1s"]);
    let agent = Agent::start_with(&livekit, &providers, &settings, &[("AGENT_SPOOL_DIR", spool)]);
    let mut callers = Callers::start(&livekit.url());
    callers.run("join", json!({"room": "before", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "before"}));
    disk.fail_below("spool/journal");

    wait_for("not ready", || (agent.status("/readyz") == Some(503)).then_some(()));
    assert_eq!(agent.worker()["worker_load"], 1.0);
    assert_eq!(agent.metric("spool_failing"), 1.0);
    callers.run("join", json!({"room": "refused", "agent": AGENT_NAME}));
    assert!(callers.attempt("see_agent", json!({"room": "refused", "limit": 2})).is_err());
    // The call that had begun goes on, and its end is kept in memory.
    callers.run("leave", json!({"room": "before"}));
    wait_for("in memory", || (agent.metric("outbox_in_memory") == 1.0).then_some(()));

    disk.repair_below("spool/journal");
    wait_for("ready again", || (agent.status("/readyz") == Some(200)).then_some(()));
    wait_for("on the disk", || (agent.metric("outbox_in_memory") == 0.0).then_some(()));
    assert_eq!(agent.metric("spool_failing"), 0.0);
    callers.run("join", json!({"room": "after", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "after"}));
}
