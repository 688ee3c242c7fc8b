//! What a trace of its call costs a conversation.

use anyhow::{Context, Result};
use test_servers::collector::Collector;
use tests::stack::Stack;

use super::row::{Worker, measure_row, print_header};
use super::{Bench, printed, programs, sentence};
use crate::traces::{InTurns, set};

/// Enough that what the process does anyway is little of it.
const CONVERSATIONS: usize = 10;

/// Shares of a core in percent, of one conversation.
pub(crate) async fn measure(collector: &Collector) -> Result<InTurns> {
    let mut stack = Stack::start().await?;
    programs::can_answers(&mut stack).await?;
    let sentence = sentence::make(stack.folder.path())?;
    let mut bench = Bench { stack, sentence };
    print_header();
    InTurns::measure(async |round, traced| {
        set(&mut bench.stack.environment, collector, traced);
        let name = format!("{}-{round}", if traced { "traced" } else { "plain" });
        programs::fresh_agent(&mut bench.stack, &name).await?;
        let pid = bench.stack.agent.id().context("find the agent")?;
        let row = printed(measure_row(&bench, Worker::Ours, pid, CONVERSATIONS, &name).await?);
        Ok(row.cpu_percent / CONVERSATIONS as f64)
    })
    .await
}
