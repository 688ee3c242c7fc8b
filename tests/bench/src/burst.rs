//! Many calls within one second: how many of them get an agent, and how long they wait for it.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use serde_json::json;
use tests::caller::{Caller, ConnectionDetails};
use tests::stack::Stack;

use crate::peer;
use crate::report::{Report, share_below};

const CALLS: usize = 50;
/// Of more the peer serves hardly any: its load is the machine's, and a call that it refuses is not offered again.
const PEER_CALLS: usize = 10;
/// In which all of them begin.
const WITHIN: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(60);

/// While livekit-server asks which agents there are, when a worker has come and once a minute, each call holds places of its fifty
/// for dispatching, and the others wait. It asks for five seconds, whoever answers.
const LIVEKIT_ASKS: Duration = Duration::from_secs(6);

pub(crate) async fn measure() -> Result<Report> {
    let mut stack = Stack::start().await?;
    let ours_at_first = burst(&stack, "ours-at-first", CALLS).await?;
    tokio::time::sleep(LIVEKIT_ASKS).await;
    let ours = burst(&stack, "ours", CALLS).await?;
    let peer = peer::replace_agent(&mut stack).await?;
    let peers_at_first = burst(&stack, "peers-at-first", 1).await?;
    tokio::time::sleep(LIVEKIT_ASKS).await;
    let peers = burst(&stack, "peers", PEER_CALLS).await?;
    drop(peer);

    let served = |waits: &[f64], calls: usize| 100.0 * waits.len() as f64 / calls as f64;
    let mut report = Report::new("burst");
    report.rising_figure(
        "calls that get an agent, of 50 and of 10",
        "%",
        served(&ours, CALLS),
        Some(served(&peers, PEER_CALLS)),
        Some(100.0),
    );
    let (p50, p95) = (0.5, 0.95);
    report.figure(
        "join to agent visible, p50",
        "s",
        share_below(&ours, p50),
        Some(share_below(&peers, p50)),
        None,
    );
    report.figure(
        "join to agent visible, p95",
        "s",
        share_below(&ours, p95),
        Some(share_below(&peers, p95)),
        Some(2.0),
    );
    report.figure("the same when a worker has just come", "s", share_below(&ours_at_first, p95), None, None);
    let at_first = json!({ "ours": ours_at_first, "python": peers_at_first });
    report.detail(
        "waits, seconds",
        json!({ "ours": ours, "python": peers, "when a worker has just come": at_first }),
    );
    Ok(report)
}

/// How long each call waited that got an agent, in order. Nobody hangs up before all have theirs.
async fn burst(stack: &Stack, name: &str, count: usize) -> Result<Vec<f64>> {
    let calls = (0..count).map(|index| {
        let (environment, room) = (stack.environment.clone(), format!("burst-{name}-{index}"));
        let begin = WITHIN.mul_f64(index as f64 / count as f64);
        tokio::spawn(async move {
            let metadata = json!({ "user_email": "test@company.com" }).to_string();
            let details = ConnectionDetails::sign(&environment, &room, Some(&metadata))?;
            tokio::time::sleep(begin).await;
            let mut caller = Caller::join(&environment, &details).await?;
            let waited = caller.wait_for_agent(LIMIT).await.ok();
            anyhow::Ok((caller, waited))
        })
    });
    let mut waits = Vec::new();
    let mut callers = Vec::new();
    for call in try_join_all(calls).await.context("join the callers")? {
        let (caller, waited) = call?;
        waits.extend(waited.map(|waited| waited.as_secs_f64()));
        callers.push(caller);
    }
    try_join_all(callers.into_iter().map(Caller::hang_up)).await?;
    waits.sort_by(f64::total_cmp);
    Ok(waits)
}
