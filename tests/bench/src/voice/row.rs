//! One row: so many conversations at the same time, and what they cost.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Bench;
use super::agent_log::answered_turns;
use super::callers::{Turn, unix_seconds};
use super::programs::{Callers, start_callers};
use super::talk::Talk;
use crate::machine::{MachineTime, Surroundings};
use crate::process_cost::{cpu_seconds, memory_mb};

/// Until every caller is in the middle of its conversation.
const SETTLE: Duration = Duration::from_secs(10);
const PERIOD: Duration = Duration::from_secs(60);
/// Of a caller, between an answer and the next sentence.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// The agent, with its conversation.
    Ours,
    /// The Python framework's worker, which listens and says nothing.
    Python,
}

impl Worker {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Python => "Python",
        }
    }
}

pub(super) struct Row {
    worker: Worker,
    pub(super) conversations: usize,
    /// Of a core, by all conversations together.
    pub(super) cpu_percent: f64,
    /// Of the whole worker.
    pub(super) memory_mb: f64,
    turns_a_minute: f64,
    pub(super) talk: Option<Talk>,
    callers_cpu_percent: f64,
    server_cpu_percent: f64,
    services_cpu_percent: f64,
    surroundings: Surroundings,
}

/// Starts callers for the row alone, in rooms whose names begin so, and has them hang up.
pub(super) async fn measure_row(
    bench: &Bench,
    worker: Worker,
    pid: u32,
    conversations: usize,
    rooms: &str,
) -> Result<Row> {
    let stack = &bench.stack;
    let callers = Callers {
        rooms,
        count: conversations,
        sentence: &bench.sentence,
        pause: PAUSE,
        answers: worker == Worker::Ours,
    };
    let mut callers = start_callers(stack, callers).await?;
    sleep(SETTLE).await;

    let processes = [
        pid,
        callers.id()?,
        stack.livekit.id().context("find livekit-server")?,
        stack.openai.id().context("find the services")?,
    ];
    let (started, from, machine) = (Instant::now(), unix_seconds(), MachineTime::read()?);
    let cpu = processes.map(cpu_seconds);
    sleep(PERIOD).await;
    let seconds = started.elapsed().as_secs_f64();
    let percent = |index: usize| (cpu_seconds(processes[index]) - cpu[index]) / seconds * 100.0;
    let percents = [percent(0), percent(1), percent(2), percent(3)];
    let machine = MachineTime::read()?.since(&machine);
    let memory_mb = memory_mb(pid)?;
    let turns: Vec<Turn> = callers.ask("finish").await?;
    callers.stop().await.context("hang up")?;

    let in_period = |time: f64| (from..from + seconds).contains(&time);
    let said = turns.iter().filter(|turn| in_period(turn.ended_at)).count();
    let talk = match worker {
        Worker::Ours => Some(Talk::new(&turns, &answered_turns(&stack.agent.log())?, in_period)),
        Worker::Python => None,
    };
    Ok(Row {
        worker,
        conversations,
        cpu_percent: percents[0],
        memory_mb,
        turns_a_minute: said as f64 / conversations as f64 / seconds * 60.0,
        talk,
        callers_cpu_percent: percents[1],
        server_cpu_percent: percents[2],
        services_cpu_percent: percents[3],
        surroundings: Surroundings::new(&machine, seconds, percents.iter().sum()),
    })
}

/// In the widths of [`Row::print`].
const HEADER: &str = "\
worker  conver-   CPU of  CPU of   memory turns a            added latency heard after  callers  server  services  others
        sations  each, %  all, %   MB PSS  minute  answered    ms, p50 p95     ms, p50        %       %         %       %";

pub(super) fn print_header() {
    println!("{HEADER}");
}

impl Row {
    pub(super) fn print(&self) {
        let talk = |text: fn(&Talk) -> String| self.talk.as_ref().map_or_else(|| "-".to_owned(), text);
        println!(
            "{:<7} {:>7} {:>8.2} {:>7.1} {:>8.1} {:>7.1} {:>9} {:>14} {:>11} {:>8.1} {:>7.1} {:>9.1} {:>7.1}{}",
            self.worker.name(),
            self.conversations,
            self.cpu_percent / self.conversations as f64,
            self.cpu_percent,
            self.memory_mb,
            self.turns_a_minute,
            talk(Talk::answered_of_said),
            talk(|talk| format!("{:.1} {:.1}", talk.added(0.5), talk.added(0.95))),
            talk(|talk| format!("{:.0}", talk.heard_after(0.5))),
            self.callers_cpu_percent,
            self.server_cpu_percent,
            self.services_cpu_percent,
            self.surroundings.others,
            self.surroundings.remarks_in_line(),
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "worker": self.worker.name(), "conversations": self.conversations,
            "cpu_percent": self.cpu_percent, "memory_mb": self.memory_mb,
            "turns_a_minute": self.turns_a_minute, "talk": self.talk.as_ref().map(Talk::json),
            "callers_cpu_percent": self.callers_cpu_percent, "server_cpu_percent": self.server_cpu_percent,
            "services_cpu_percent": self.services_cpu_percent, "others_cpu_percent": self.surroundings.others,
            "stolen_percent": self.surroundings.stolen, "idle_percent": self.surroundings.idle,
            "remarks": self.surroundings.remarks(),
        })
    }
}
