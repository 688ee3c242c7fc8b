//! What the agent costs, idle and for each call.

use std::time::Duration;

use anyhow::{Context, Result};
use test_servers::{Program, Signal};
use tests::caller::{Caller, ConnectionDetails};
use tests::environment::program;
use tests::stack::Stack;

use crate::peer;
use crate::process_cost::{cpu_percent, memory_mb};
use crate::report::Report;

const SESSIONS: usize = 20;
/// As many as the peer carries on two cores.
const PEER_SESSIONS: usize = 4;
const LIMIT: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(8);
const PERIOD: Duration = Duration::from_secs(10);

struct Cost {
    idle_mb: f64,
    session_mb: f64,
    session_cpu_percent: f64,
}

pub(crate) async fn measure() -> Result<Report> {
    let mut stack = Stack::start().await?;
    let with_model_mb = memory_mb(stack.agent.id().context("find the agent")?)?;
    without_turn_detector(&mut stack).await?;
    let ours = cost(&stack, stack.agent.id().context("find the agent")?, SESSIONS).await?;
    let peer = peer::replace_agent(&mut stack).await?;
    let peers = cost(&stack, peer.id().context("find the peer")?, PEER_SESSIONS).await?;

    let mut report = Report::new("agent");
    report.figure("memory idle", "MB PSS", ours.idle_mb, Some(peers.idle_mb), Some(30.0));
    report.figure("memory idle, with Smart Turn", "MB PSS", with_model_mb, None, Some(ours.idle_mb + 60.0));
    report.figure("memory for each session", "MB PSS", ours.session_mb, Some(peers.session_mb), Some(2.0));
    report.figure(
        "processor for each session",
        "% of a core",
        ours.session_cpu_percent,
        Some(peers.session_cpu_percent),
        Some(4.0),
    );
    Ok(report)
}

/// The agent starts anew, without the model that hears whether a turn is over.
async fn without_turn_detector(stack: &mut Stack) -> Result<()> {
    stack.agent.stop(Signal::Terminate)?;
    let others = stack.environment.iter().filter(|(name, _)| *name != "TURN_DETECTOR_MODEL");
    stack.environment = others.map(|(name, value)| (name.clone(), value.clone())).collect();
    let log = stack.folder.path().join("agent-without-turn-detector.log");
    stack.agent = Program::new(program("agent")?, &["start"], &stack.environment, log);
    stack.agent.start()?;
    stack.agent_ready().await
}

/// Audio flows in both directions: the agent says a greeting and then nothing; each caller plays a tone, which our agent takes
/// for speech without a pause, and keeps to have it transcribed.
async fn cost(stack: &Stack, pid: u32, sessions: usize) -> Result<Cost> {
    let idle_mb = memory_mb(pid)?;
    let mut callers = Vec::new();
    for _ in 0..sessions {
        let details = ConnectionDetails::request(&stack.environment, "test@company.com").await?;
        let mut caller = Caller::join(&stack.environment, &details).await?;
        caller.wait_for_agent(LIMIT).await?;
        callers.push(caller);
    }
    tokio::time::sleep(SETTLE).await;
    let cpu = cpu_percent(pid, PERIOD).await?;
    let session_mb = (memory_mb(pid)? - idle_mb) / sessions as f64;
    for caller in callers {
        caller.hang_up().await?;
    }
    Ok(Cost { idle_mb, session_mb, session_cpu_percent: cpu / sessions as f64 })
}
