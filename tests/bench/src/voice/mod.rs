//! What spoken conversations cost: up to 50 at the same time in one agent, and how long the agent itself lets a caller wait.
//!
//! The callers are participants of their own, in another process, who say a recorded sentence, wait for the answer to its
//! end, and go on after a pause. Speech to text, the language model and text to speech answer at once, always the same, in a
//! third process: what is measured is the agent. The costs of the others are shown and not counted.
//!
//! **Added latency** is measured by the agent, turn by turn: from the end of the caller's speech in the audio that it has
//! received to the first frame of the answer in its track, less what it waits to be sure that the turn is over, which is a
//! choice, and shown. The three services' answers over the loopback are in it, where they did not come meanwhile; the network,
//! the jitter buffers and the frame of the codec are not. What a caller hears is measured at the caller, with all of these and
//! the endpointing delay.
//!
//! The Python worker has the same callers, who wait as long for answers that do not come: it listens, and says nothing.

mod agent_log;
pub(crate) mod callers;
mod listener;
mod microphone;
mod programs;
mod row;
pub(crate) mod sentence;
pub(crate) mod sockets;
mod talk;
pub(crate) mod traced;
pub(crate) mod turns;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::stack::Stack;
use tokio::time::sleep;

use self::row::{Row, Worker, measure_row, print_header};
use self::talk::Talk;
use crate::fit::slope;
use crate::peer;
use crate::recording::Recording;
use crate::report::Report;

/// Other numbers, such as «1,5», for a smaller machine or a quick look.
const CONVERSATIONS: &str = "BENCH_CONVERSATIONS";
const OURS: [usize; 4] = [1, 10, 25, 50];
/// As many as the worker carries on two cores.
const PYTHON: [usize; 3] = [1, 2, 4];
/// Its processes go on for 20 s after a call, and new ones start in their place.
const PYTHON_ENDS: Duration = Duration::from_secs(40);

/// What rows are measured with.
struct Bench {
    stack: Stack,
    sentence: Recording,
}

pub(crate) async fn measure() -> Result<Report> {
    let counts = counts()?;
    let mut stack = Stack::start().await?;
    programs::can_answers(&mut stack).await?;
    let sentence = sentence::make(stack.folder.path())?;
    let mut bench = Bench { stack, sentence };
    print_header();
    let mut ours = Vec::new();
    for conversations in counts {
        programs::fresh_agent(&mut bench.stack, &format!("agent-{conversations}")).await?;
        let pid = bench.stack.agent.id().context("find the agent")?;
        let rooms = format!("ours-{conversations}");
        ours.push(printed(measure_row(&bench, Worker::Ours, pid, conversations, &rooms).await?));
    }
    let peer = peer::replace_agent(&mut bench.stack).await?;
    let pid = peer.id().context("find the Python worker")?;
    let mut python = Vec::new();
    for conversations in PYTHON {
        sleep(PYTHON_ENDS).await;
        let rooms = format!("python-{conversations}");
        let row = measure_row(&bench, Worker::Python, pid, conversations, &rooms).await;
        python.push(printed(row.with_context(|| format!("the Python worker's log:\n{}", peer.log()))?));
    }
    Ok(report(&ours, &python))
}

fn counts() -> Result<Vec<usize>> {
    let Ok(text) = std::env::var(CONVERSATIONS) else { return Ok(OURS.to_vec()) };
    let counts: Vec<usize> = text
        .split(',')
        .map(|count| count.trim().parse().with_context(|| format!("read {CONVERSATIONS}")))
        .collect::<Result<_>>()?;
    let rises = counts.is_sorted_by(|less, more| less < more);
    ensure!(counts.len() > 1 && counts[0] > 0 && rises, "{CONVERSATIONS} is two or more numbers that rise");
    Ok(counts)
}

fn printed(row: Row) -> Row {
    row.print();
    row
}

/// The cost of a conversation is the slope over their number: what one more takes, without what the process takes once.
fn report(ours: &[Row], python: &[Row]) -> Report {
    let mut report = Report::new("voice");
    let mut cost = |name, unit, of: fn(&Row) -> f64| {
        let cost = |rows: &[Row]| {
            slope(&rows.iter().map(|row| (row.conversations as f64, of(row))).collect::<Vec<_>>())
        };
        report.figure(name, unit, cost(ours), Some(cost(python)), Some(cost(python)));
    };
    cost("each conversation", "% of a core", |row| row.cpu_percent);
    cost("memory of each", "MB PSS", |row| row.memory_mb);
    let talks: Vec<&Talk> = ours.iter().filter_map(|row| row.talk.as_ref()).collect();
    let mut latency = |name, talk: Option<&&Talk>, share, aim| {
        report.figure(name, "ms", talk.map_or(f64::NAN, |talk| talk.added(share)), None, aim);
    };
    latency("added latency, fewest, p50", talks.first(), 0.5, Some(20.0));
    latency("added latency, fewest, p95", talks.first(), 0.95, None);
    latency("added latency, most, p50", talks.last(), 0.5, Some(20.0));
    latency("added latency, most, p95", talks.last(), 0.95, None);
    for (name, talk) in
        [("end of turn, fewest, p50", talks.first()), ("end of turn, most, p50", talks.last())]
    {
        let endpointing = talk.map_or(f64::NAN, |talk| talk.endpointing(0.5));
        report.figure(name, "ms", endpointing, None, None);
    }
    let worst = |of: fn(&Talk) -> f64| talks.iter().map(|talk| of(talk)).fold(0.0, worse);
    report.figure("turns without an answer", "share", worst(Talk::unanswered), None, Some(0.0));
    report.figure("answers that one side missed", "count", worst(Talk::miscounted), None, Some(0.0));
    let rows = ours.iter().chain(python).map(Row::json).collect::<Vec<_>>();
    report.detail("rows", rows.into());
    report
}

/// NaN, where nothing was said, is the worst.
fn worse(one: f64, other: f64) -> f64 {
    if one.is_nan() || other.is_nan() { f64::NAN } else { one.max(other) }
}
