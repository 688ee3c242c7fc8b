//! How long a caller waits for an answer: from the last sound of a sentence to the first sound of the answer, both at the caller.
//!
//! The services take their time as real ones do: final words 150 ms after the end of speech over a stream, 600 ms for a
//! recording; 350 ms to the first token; 150 ms to the first sound. The same callers talk with our agent over OpenAI's HTTP,
//! where the whole recording is sent when they have stopped; with our agent over LiveKit Inference, where words come while
//! they speak, and replies begin early; and with the Python framework's session over the same, with its defaults.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use test_servers::{Program, Signal};
use tests::stack::Stack;
use tokio::time::sleep;

use super::agent_log::{AnsweredTurn, answered_turns};
use super::callers::Turn;
use super::programs::{Callers, start_callers};
use super::{programs, sentence};
use crate::machine::{MachineTime, Surroundings};
use crate::peer::replace_agent_with;
use crate::process_cost::cpu_seconds;
use crate::recording::Recording;
use crate::report::{Report, share_below};

/// How long services take, milliseconds.
const DELAYS: [(&str, &str); 5] = [
    // So soon does the recogniser end an utterance by itself.
    ("OPENAI_SIMULATOR_ENDPOINTING_MS", "100"),
    ("OPENAI_SIMULATOR_FINAL_DELAY_MS", "150"),
    ("OPENAI_SIMULATOR_TRANSCRIPTION_DELAY_MS", "600"),
    ("OPENAI_SIMULATOR_FIRST_TOKEN_DELAY_MS", "350"),
    ("OPENAI_SIMULATOR_FIRST_AUDIO_DELAY_MS", "150"),
];
/// Few, so that nobody waits for the machine.
const CALLERS: usize = 2;
const PERIOD: Duration = Duration::from_secs(150);
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum Worker {
    OverHttp,
    Streaming,
    Python,
}

impl Worker {
    fn name(self) -> &'static str {
        match self {
            Self::OverHttp => "ours-over-http",
            Self::Streaming => "ours-streaming",
            Self::Python => "Python-streaming",
        }
    }
}

struct Row {
    worker: Worker,
    said: usize,
    /// Seconds, sorted.
    waits: Vec<f64>,
    /// What the agent says of each; the framework says nothing.
    answered: Vec<AnsweredTurn>,
    surroundings: Surroundings,
}

pub(crate) async fn measure() -> Result<Report> {
    let mut stack = Stack::start().await?;
    for (name, milliseconds) in DELAYS {
        stack.environment.set(name, milliseconds);
    }
    programs::can_answers(&mut stack).await?;
    let sentence = sentence::make(stack.folder.path())?;
    println!(
        "{:<18} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "worker", "answered", "p50, s", "p95, s", "most, s", "others"
    );
    programs::speak_to(&mut stack, "openai")?;
    programs::fresh_agent(&mut stack, "agent-http").await?;
    let over_http = measure_row(&stack, &sentence, Worker::OverHttp, &stack.agent).await?;
    programs::speak_to(&mut stack, "livekit")?;
    programs::fresh_agent(&mut stack, "agent-streaming").await?;
    let streaming = measure_row(&stack, &sentence, Worker::Streaming, &stack.agent).await?;
    let peer = replace_agent_with(&mut stack, "peer_talker.py").await?;
    let row = measure_row(&stack, &sentence, Worker::Python, &peer).await;
    let python = row.with_context(|| format!("the Python worker's log:\n{}", peer.log()))?;
    stack.agent.stop(Signal::Terminate)?;
    Ok(report(&[over_http, streaming, python]))
}

async fn measure_row(stack: &Stack, sentence: &Recording, worker: Worker, program: &Program) -> Result<Row> {
    let callers = Callers { rooms: worker.name(), count: CALLERS, sentence, pause: PAUSE, answers: true };
    let mut callers = start_callers(stack, callers).await?;
    let processes = [
        program.id().context("find the agent")?,
        callers.id()?,
        stack.livekit.id().context("find livekit-server")?,
        stack.openai.id().context("find the services")?,
    ];
    let (machine, cpu) = (MachineTime::read()?, processes.map(cpu_seconds));
    sleep(PERIOD).await;
    let machine = MachineTime::read()?.since(&machine);
    let used: f64 = processes.iter().zip(cpu).map(|(process, before)| cpu_seconds(*process) - before).sum();
    let turns: Vec<Turn> = callers.ask("finish").await?;
    callers.stop().await.context("hang up")?;
    let mut waits: Vec<f64> = turns.iter().filter_map(|turn| turn.answered_after).collect();
    waits.sort_by(f64::total_cmp);
    ensure!(!waits.is_empty(), "nobody was answered");
    let seconds = PERIOD.as_secs_f64();
    let surroundings = Surroundings::new(&machine, seconds, used / seconds * 100.0);
    let answered = answered_turns(&program.log())?;
    let row = Row { worker, said: turns.len(), waits, answered, surroundings };
    row.print();
    Ok(row)
}

impl Row {
    fn wait(&self, share: f64) -> f64 {
        share_below(&self.waits, share)
    }

    fn print(&self) {
        println!(
            "{:<18} {:>9} {:>9.3} {:>9.3} {:>9.3} {:>7.1}{}",
            self.worker.name(),
            format!("{}/{}", self.waits.len(), self.said),
            self.wait(0.5),
            self.wait(0.95),
            self.wait(1.0),
            self.surroundings.others,
            self.surroundings.remarks_in_line(),
        );
        if !self.answered.is_empty() {
            let steps = self.steps().map(|(name, seconds)| format!("{name} {seconds:.3}"));
            println!("  from the end of the voice as the agent hears it, p50: {}", steps.join(", "));
        }
    }

    /// How far an answer was when, p50 in seconds from the end of the caller's voice as the agent hears it.
    fn steps(&self) -> [(&'static str, f64); 6] {
        let p50 = |of: fn(&AnsweredTurn) -> Option<f64>| {
            let mut seconds: Vec<f64> = self.answered.iter().filter_map(of).collect();
            seconds.sort_by(f64::total_cmp);
            share_below(&seconds, 0.5)
        };
        [
            ("words", p50(|turn| turn.steps.transcribed)),
            ("model asked", p50(|turn| turn.steps.asked)),
            ("first token", p50(|turn| turn.steps.first_token)),
            ("first sentence", p50(|turn| turn.steps.first_sentence)),
            ("turn over", p50(|turn| Some(turn.endpointing))),
            ("first sound", p50(|turn| Some(turn.first_audio))),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "worker": self.worker.name(), "said": self.said, "answered": self.waits.len(), "waits_s": self.waits,
            "others_cpu_percent": self.surroundings.others, "remarks": self.surroundings.remarks(),
            "steps_p50_s": if self.answered.is_empty() { Value::Null } else { json!(BTreeMap::from(self.steps())) },
        })
    }
}

fn report(rows: &[Row; 3]) -> Report {
    let [over_http, streaming, python] = rows;
    let mut report = Report::new("turns");
    // As fast as the framework, and in any case within 0.9 s.
    report.figure(
        "streaming: until the answer is heard, p50",
        "s",
        streaming.wait(0.5),
        Some(python.wait(0.5)),
        Some(python.wait(0.5).min(0.9)),
    );
    report.figure(
        "streaming: until the answer is heard, p95",
        "s",
        streaming.wait(0.95),
        Some(python.wait(0.95)),
        Some(python.wait(0.95)),
    );
    report.figure("over HTTP: until the answer is heard, p50", "s", over_http.wait(0.5), None, None);
    report.figure("over HTTP: until the answer is heard, p95", "s", over_http.wait(0.95), None, None);
    let share = streaming.wait(0.5) / over_http.wait(0.5);
    report.figure("streaming beside HTTP, p50", "share", share, None, Some(0.55));
    let unanswered = |row: &Row| (row.said - row.waits.len()) as f64;
    report.figure(
        "sentences without an answer",
        "count",
        unanswered(over_http) + unanswered(streaming),
        Some(unanswered(python)),
        Some(0.0),
    );
    report.detail("rows", rows.iter().map(Row::json).collect::<Vec<_>>().into());
    report
}
