//! What calls leave behind in the agent: sockets that stay open, and memory. 50 calls at a time, round after round, talk
//! over LiveKit Inference's protocol, and hang up in the middle of what they are told.
//!
//! A plan of the gateway has few sockets, so that one that stays open is a lost call. They are counted by the services, which
//! see what is really open. Memory is the agent's, once the calls of a round are over; it may grow with the first rounds.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::stack::Stack;
use tokio::time::sleep;

use super::callers::Turn;
use super::programs::{Callers, start_callers};
use super::{programs, sentence};
use crate::process_cost::memory_mb;
use crate::recording::Recording;
use crate::report::Report;

const CALLS: usize = 50;
const ROUNDS: usize = 6;
/// Another number of rounds, to see for longer.
const MORE_ROUNDS: &str = "BENCH_ROUNDS";
/// After so many rounds memory is level.
const WARM: usize = 3;
const MOST_GROWTH: f64 = 1.05;
const PERIOD: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(2);
const CLOSED_WITHIN: Duration = Duration::from_secs(60);
/// Until the allocator has given back what it gives back.
const SETTLE: Duration = Duration::from_secs(15);

/// Of one kind, as the services count them.
#[derive(Clone, Copy, Default, Deserialize)]
struct Sockets {
    opened: u64,
    closed: u64,
    open: u64,
    /// At a time.
    most: u64,
}

struct Round {
    said: usize,
    answered: usize,
    stt: Sockets,
    tts: Sockets,
    memory_mb: f64,
}

pub(crate) async fn measure() -> Result<Report> {
    let mut stack = Stack::start().await?;
    programs::can_answers(&mut stack).await?;
    programs::speak_to(&mut stack, "livekit")?;
    let sentence = sentence::make(stack.folder.path())?;
    programs::fresh_agent(&mut stack, "agent").await?;
    println!(
        "{:<6} {:>9} {:>22} {:>22} {:>10}",
        "round", "answered", "stt opened closed most", "tts opened closed most", "memory, MB"
    );
    let mut rounds = Vec::new();
    let count =
        std::env::var(MORE_ROUNDS).map_or(Ok(ROUNDS), |count| count.parse()).context("read BENCH_ROUNDS")?;
    ensure!(count > WARM, "{MORE_ROUNDS} is more than {WARM}");
    for number in 1..=count {
        let round = measure_round(&stack, &sentence, number).await?;
        round.print(number);
        rounds.push(round);
    }
    Ok(report(&rounds))
}

async fn measure_round(stack: &Stack, sentence: &Recording, number: usize) -> Result<Round> {
    let rooms = format!("round-{number}");
    let callers = Callers { rooms: &rooms, count: CALLS, sentence, pause: PAUSE, answers: true };
    let mut callers = start_callers(stack, callers).await?;
    sleep(PERIOD).await;
    let turns: Vec<Turn> = callers.ask("finish").await?;
    callers.stop().await.context("hang up")?;
    // The counts of a socket that is never closed are the result, and no error.
    let closed = tests::wait_for("the end of the sockets", CLOSED_WITHIN, || async {
        let (stt, tts) = sockets(stack).await?;
        Ok((stt.open == 0 && tts.open == 0).then_some(()))
    });
    drop(closed.await);
    sleep(SETTLE).await;
    let (stt, tts) = sockets(stack).await?;
    let answered = turns.iter().filter(|turn| turn.answered_after.is_some()).count();
    ensure!(answered > 0, "nobody was answered");
    let pid = stack.agent.id().context("find the agent")?;
    Ok(Round { said: turns.len(), answered, stt, tts, memory_mb: memory_mb(pid)? })
}

async fn sockets(stack: &Stack) -> Result<(Sockets, Sockets)> {
    let url = stack.environment.get("OPENAI_SIMULATOR_URL")?.replace("/v1", "/simulator/sockets");
    let mut counts: Value = reqwest::get(&url).await?.json().await.context("read the counts of sockets")?;
    let mut of = |kind: &str| serde_json::from_value(counts[kind].take()).context("read a count of sockets");
    Ok((of("stt")?, of("tts")?))
}

impl Round {
    fn print(&self, number: usize) {
        let sockets = |of: &Sockets| format!("{} {} {}", of.opened, of.closed, of.most);
        println!(
            "{number:<6} {:>9} {:>22} {:>22} {:>10.1}",
            format!("{}/{}", self.answered, self.said),
            sockets(&self.stt),
            sockets(&self.tts),
            self.memory_mb,
        );
    }

    fn json(&self) -> Value {
        let sockets = |of: &Sockets| json!({ "opened": of.opened, "closed": of.closed, "open": of.open, "most": of.most });
        json!({
            "said": self.said, "answered": self.answered, "stt": sockets(&self.stt), "tts": sockets(&self.tts),
            "memory_mb": self.memory_mb,
        })
    }
}

fn report(rounds: &[Round]) -> Report {
    let (warm, last) = (&rounds[WARM - 1], &rounds[rounds.len() - 1]);
    let left_open = |of: &Sockets| of.opened.abs_diff(of.closed) as f64;
    let unanswered: usize = rounds.iter().map(|round| round.said - round.answered).sum();
    let mut report = Report::new("sockets");
    report.figure("sockets of speech to text left open", "count", left_open(&last.stt), None, Some(0.0));
    report.figure("sockets of text to speech left open", "count", left_open(&last.tts), None, Some(0.0));
    report.figure("sentences without an answer", "count", unanswered as f64, None, Some(0.0));
    report.figure("memory, warm", "MB", warm.memory_mb, None, None);
    let aim = Some(warm.memory_mb * MOST_GROWTH);
    report.figure("memory after the last round", "MB", last.memory_mb, None, aim);
    report.detail("rounds", rounds.iter().map(Round::json).collect::<Vec<_>>().into());
    report
}
