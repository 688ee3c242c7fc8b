//! How long a person waits for the agent, and sales for the session.

use std::time::{Duration, Instant};

use anyhow::Result;
use tests::archive::Archive;
use tests::caller::{Caller, ConnectionDetails};
use tests::stack::Stack;

use crate::peer;
use crate::report::{Report, median};

const CALLS: usize = 20;
/// Fewer, because each takes the peer about 20 s.
const PEER_CALLS: usize = 3;
const LIMIT: Duration = Duration::from_secs(60);

struct Call {
    join_to_agent: f64,
    hang_up_to_object: f64,
}

pub(crate) async fn measure() -> Result<Report> {
    let mut stack = Stack::start().await?;
    let ours = calls(&stack, CALLS).await?;
    let peer = peer::replace_agent(&mut stack).await?;
    let peers = calls(&stack, PEER_CALLS).await?;
    drop(peer);

    let middle = |calls: &[Call], figure: fn(&Call) -> f64| median(calls.iter().map(figure).collect());
    let most = |calls: &[Call], figure: fn(&Call) -> f64| calls.iter().map(figure).fold(0.0, f64::max);
    let join: fn(&Call) -> f64 = |call| call.join_to_agent;
    let end: fn(&Call) -> f64 = |call| call.hang_up_to_object;
    let mut report = Report::new("latency");
    report.figure(
        "join to agent visible, p50",
        "s",
        middle(&ours, join),
        Some(middle(&peers, join)),
        Some(1.0),
    );
    report.figure("join to agent visible, most", "s", most(&ours, join), Some(most(&peers, join)), None);
    report.figure(
        "hang-up to object in S3, p50",
        "s",
        middle(&ours, end),
        Some(middle(&peers, end)),
        Some(0.5),
    );
    report.figure("hang-up to object in S3, most", "s", most(&ours, end), Some(most(&peers, end)), None);
    Ok(report)
}

async fn calls(stack: &Stack, count: usize) -> Result<Vec<Call>> {
    let archive = Archive::open(&stack.environment)?;
    let mut calls = Vec::new();
    for _ in 0..count {
        let details = ConnectionDetails::request(&stack.environment, "test@company.com").await?;
        let mut caller = Caller::join(&stack.environment, &details).await?;
        let join_to_agent = caller.wait_for_agent(LIMIT).await?.as_secs_f64();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let session_id = caller.session_id.clone();
        let hang_up = Instant::now();
        caller.hang_up().await?;
        archive.wait_for(&session_id, LIMIT).await?;
        calls.push(Call { join_to_agent, hang_up_to_object: hang_up.elapsed().as_secs_f64() });
    }
    Ok(calls)
}
