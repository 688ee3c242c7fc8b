//! `sf.Lead.update_by_external_id('Email', …)`, which looks as if it were the call for the task.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use test_servers::tool;
use tokio::process::Command;
use tokio::time::timeout;

use super::Bench;
use super::org::Seen;
use super::scenario::script;

/// Queued already by the last scenario.
const PAYLOADS: Range<usize> = 1_000..1_200;
const TRIES: usize = 20;
const ENDS_WITHIN: Duration = Duration::from_secs(60);

/// What became of it.
pub(super) struct NoSuchCall {
    tried: Tried,
    seen: Seen,
    acked: u64,
}

/// As the script says.
#[derive(Debug, Serialize, Deserialize)]
struct Tried {
    payloads: u64,
    succeeded: u64,
    /// How often each class of exception came.
    raised: BTreeMap<String, u64>,
    /// Of the last one.
    message: String,
}

/// Lends it a login, because the one by password and security token that goes with it is being switched off.
pub(super) async fn try_it(bench: &mut Bench) -> Result<NoSuchCall> {
    bench.fill(PAYLOADS).await?;
    let org = bench.org(PAYLOADS, Duration::ZERO).await?;
    bench.queue.rewind(None).await?;
    bench.queue.resume().await?;
    let mut command = Command::new(tool("peers/bin/python"));
    command.args([&script(), "update-by-external-id", &TRIES.to_string()]).envs(org.environment.iter());
    let output = timeout(ENDS_WITHIN, command.kill_on_drop(true).output()).await;
    let output = output.context("wait for the script")?.context("start the script")?;
    ensure!(output.status.success(), "the script failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(NoSuchCall {
        tried: serde_json::from_slice(&output.stdout).context("read what the script says")?,
        seen: org.seen().await?,
        acked: bench.queue.progress().await?.acked,
    })
}

impl NoSuchCall {
    pub(super) fn print(&self) {
        let Tried { payloads, succeeded, raised, message } = &self.tried;
        println!(
            "update_by_external_id, tried with {payloads} payloads: {succeeded} succeeded, raised {raised:?} («{message}»); {} API \
             calls, {} Leads updated, {} acked",
            self.seen.api_calls, self.seen.updated, self.acked,
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "tried": self.tried, "api_calls": self.seen.api_calls, "tokens": self.seen.tokens,
            "leads_updated": self.seen.updated, "acked": self.acked,
        })
    }
}
