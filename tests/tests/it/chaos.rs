//! Faults that meet: the short form of `make chaos`.

use std::time::Duration;

use test_servers::workspace;
use tests::chaos::fault::Fault;
use tests::chaos::{Plan, Worker, run};

/// Its faults are of the most kinds: kills of agent, sink, livekit-server, nats-server and Salesforce, a power cut, the clock a day
/// ahead and a day behind, a second worker.
const SEED: u64 = 384;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_faults_meet() {
    let plan = Plan {
        seed: SEED,
        calls: 30,
        faults: 12,
        kinds: Fault::all(),
        period: Duration::from_secs(60),
        calls_at_a_time: 4,
        drain_limit: Duration::from_secs(600),
        worker: Worker::Ours,
        cluster: false,
        level: false,
        folder: workspace().join(".run/chaos/test"),
    };
    let report = run(&plan).await.unwrap();
    assert!(report.is_clean(), "{}\nits files are in {}", report.table(), plan.folder.display());
    // Where nobody was answered, nothing would have been shown.
    assert_eq!(report.figures.faults, 12);
    assert!(report.figures.answered > 15, "{}", report.table());
}
