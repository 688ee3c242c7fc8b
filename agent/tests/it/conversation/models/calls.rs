//! All scenarios, one call each, and a table of what became of them, which is written to `.run/bench/calls.json`. `CALLS=pauses`
//! holds those whose names begin so; what was heard of the agent, its log, and the payload, are kept in `.run/calls`.

use std::ops::Range;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

use schemas::{Role, SessionEnded, TranscriptEntry};
use serde_json::json;
use test_servers::workspace;

use super::recording::{silence, silent_after, spoken, talked_over};
use super::scenarios::{SCENARIOS, Scenario, Step, When};
use super::servers::Models;
use super::words::arrived;
use crate::conversation::call::{APOLOGY, Call};
use crate::conversation::sound::{Sound, Voice};
use crate::conversation::stage::{PERSONA, Stage};
use crate::servers::within;

/// Longest that an answer is waited for, with models that share two cores with the rest.
const LIMIT: Duration = Duration::from_secs(60);
/// Somebody who agrees goes on to listen: longer than words take to come, and a reply to go on.
const LISTENS: Duration = Duration::from_secs(4);
/// What is said where nobody has understood, or said, anything.
const NO_ANSWERS: [&str; 3] = [APOLOGY, "Are you still there?", "One moment, please."];
/// What never belongs into a sentence that is spoken.
const NEVER_SPOKEN: [&str; 8] = ["<", "{", "[", "`", "|", "record_signals", "end_call", "tool_call"];
/// Decibels between the caller and those who talk around them.
const BABBLE: f64 = 17.0;
/// Less of a line than this was said by the caller: the recogniser has made it up.
const MADE_UP: f64 = 0.34;

/// What became of a call.
struct Row {
    turns: usize,
    answered: usize,
    pauses: usize,
    /// So many seconds after the caller began to say that.
    talked_over: Vec<(f64, String)>,
    /// Seconds until the agent was silent, of each interruption.
    stopped: Vec<Option<f64>>,
    /// How often the caller was heard to agree.
    agreed: usize,
    /// Those of them at which the agent did not go on.
    stopped_by: Vec<String>,
    /// How long the agent was silent at the others, where it waited for the words.
    paused: Vec<f64>,
    /// What the caller agreed with, where the recogniser heard other words: those may well interrupt.
    misheard: Vec<String>,
    /// The share of the caller's words that stands in the transcript.
    heard: f64,
    made_up: Vec<String>,
    unmeant: Vec<String>,
    early: (u64, u64),
    answer_p50: f64,
}

impl Row {
    fn unstopped(&self) -> usize {
        self.stopped.iter().filter(|stopped| stopped.is_none()).count()
    }
}

#[test]
#[ignore = "takes 15 minutes: «make bench-calls»"]
fn calls_are_answered_to_their_end_and_nobody_is_talked_over() {
    let models = Models::start();
    println!(
        "{:<24} {:>8} {:>11} {:>13} {:>8} {:>13} {:>6} {:>7} {:>7} {:>8} {:>8}",
        "call",
        "answered",
        "talked over",
        "stopped after",
        "went on",
        "paused",
        "heard",
        "made up",
        "unmeant",
        "early",
        "answer"
    );
    let chosen = std::env::var("CALLS").unwrap_or_default();
    let scenarios = SCENARIOS.iter().filter(|scenario| scenario.name.starts_with(&chosen));
    let rows: Vec<Row> = scenarios.map(|scenario| print(scenario, held(&models, scenario))).collect();
    let figures = figures(&rows);
    write(&figures);
    let missed: Vec<_> = figures.iter().filter(|figure| !figure.is_met()).map(|figure| figure.name).collect();
    assert!(missed.is_empty(), "missed: {}", missed.join("; "));
}

/// What is counted over all calls, and how often it may be.
struct Figure {
    name: &'static str,
    count: usize,
    at_most: usize,
}

impl Figure {
    fn is_met(&self) -> bool {
        self.count <= self.at_most
    }
}

fn figures(rows: &[Row]) -> [Figure; 6] {
    let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum::<usize>();
    let figure = |name, count, at_most| Figure { name, count, at_most };
    [
        figure("turns without an answer", sum(|row| row.turns - row.answered), 0),
        figure("talked over in mid-sentence", sum(|row| row.talked_over.len()), sum(|row| row.pauses) / 10),
        figure("said, and not meant to be", sum(|row| row.unmeant.len()), 0),
        figure("interruptions that did not stop the agent", sum(Row::unstopped), 0),
        figure("who only listened, and stopped the agent", sum(|row| row.stopped_by.len()), 0),
        figure(
            "who only listened, heard as somebody who speaks",
            sum(|row| row.misheard.len()),
            sum(|row| row.agreed),
        ),
    ]
}

/// With the aims beside the figures, as all benchmarks.
fn write(figures: &[Figure]) {
    let figure = |figure: &Figure| {
        json!({
            "name": figure.name, "unit": "count", "ours": figure.count, "aim_at_most": figure.at_most, "met": figure.is_met(),
        })
    };
    let report = json!({
        "benchmark": "calls",
        "cores": available_parallelism().map_or(0, usize::from),
        "figures": figures.iter().map(figure).collect::<Vec<_>>(),
    });
    let folder = workspace().join(".run/bench");
    std::fs::create_dir_all(&folder).expect("make .run/bench");
    std::fs::write(folder.join("calls.json"), format!("{report:#}\n")).expect("write the figures");
}

#[expect(clippy::print_stdout, reason = "a table for people")]
fn print(scenario: &Scenario, row: Row) -> Row {
    let of = |some: usize, all: usize| format!("{some} of {all}");
    let seconds = |all: Vec<Option<f64>>| {
        let texts = all.into_iter().map(|one| one.map_or("never".to_owned(), |one| format!("{one:.1} s")));
        texts.collect::<Vec<_>>().join(", ")
    };
    let (used, begun) = row.early;
    println!(
        "{:<24} {:>8} {:>11} {:>13} {:>8} {:>13} {:>5.0}% {:>7} {:>7} {:>8} {:>6.2} s",
        scenario.name,
        of(row.answered, row.turns),
        of(row.talked_over.len(), row.pauses),
        seconds(row.stopped.clone()),
        of(row.agreed - row.stopped_by.len(), row.agreed),
        seconds(row.paused.iter().copied().map(Some).collect()),
        100.0 * row.heard,
        row.made_up.len(),
        row.unmeant.len(),
        format!("{used} of {begun}"),
        row.answer_p50,
    );
    for (seconds, said) in &row.talked_over {
        println!("    talked over after {seconds:.1} s of «{said}»");
    }
    for said in &row.stopped_by {
        println!("    stopped by: «{said}»");
    }
    for said in &row.misheard {
        println!("    misheard: «{said}»");
    }
    for text in &row.made_up {
        println!("    made up: «{text}»");
    }
    for text in &row.unmeant {
        println!("    not meant: «{text}»");
    }
    row
}

/// Places the call, and looks at what there was to be heard, and at the payload.
fn held(models: &Models, scenario: &Scenario) -> Row {
    let environment = models.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut stage = Stage::with_speech_services(&persona(scenario), &environment);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut call, _) = stage.recorded_call("calls");
    if scenario.babble {
        let file = folder.path().join("babble.wav");
        Sound::babble(BABBLE, &scenario.voice.says(scenario.steps[0].parts, &[])).write(&file);
        call.murmurs(&file);
    }
    let steps: Vec<Taken> =
        scenario.steps.iter().map(|step| take(&mut call, scenario.voice, step, folder.path())).collect();
    // What was said last is heard to its end.
    call.waits_within(LIMIT);
    let kept = workspace().join(".run/calls");
    std::fs::create_dir_all(&kept).expect("make .run/calls");
    let file = kept.join(format!("{}.wav", scenario.name));
    call.write_recording(&file);
    let session = stage.hang_up("calls");
    std::fs::write(kept.join(format!("{}.log", scenario.name)), stage.agent.log()).expect("keep the log");
    let payload = serde_json::to_vec_pretty(&session).expect("write the payload");
    std::fs::write(kept.join(format!("{}.json", scenario.name)), payload).expect("keep the payload");
    row(scenario, &steps, &spoken(&Sound::read(&file)), &session)
}

fn persona(scenario: &Scenario) -> String {
    let is_kept = |line: &&str| scenario.vocabulary || !line.starts_with("vocabulary =");
    PERSONA.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

/// One thing that the caller said.
struct Taken {
    when: When,
    said: String,
    pauses: usize,
    at: (f64, f64),
    answered: bool,
}

fn take(call: &mut Call<'_>, voice: Voice, step: &Step, folder: &Path) -> Taken {
    let file = folder.join("said.wav");
    voice.says(step.parts, step.pauses).write(&file);
    if step.when == When::Listening {
        call.waits_within(LIMIT);
    }
    let at = call.utters(&file);
    // What was begun earlier answers the beginning at most.
    let before = call.agent_said().len();
    let answers = || call.agent_said().iter().skip(before).any(|text| is_answer(text)).then_some(());
    let answered = step.when != When::Agreeing && within(LIMIT, answers).is_some();
    if step.when == When::Agreeing {
        std::thread::sleep(LISTENS);
    }
    Taken { when: step.when, said: step.parts.join(" "), pauses: step.pauses.len(), at, answered }
}

fn is_answer(text: &str) -> bool {
    !text.is_empty() && !NO_ANSWERS.iter().any(|phrase| phrase.starts_with(text))
}

fn row(scenario: &Scenario, steps: &[Taken], spoken: &[Range<f64>], session: &SessionEnded) -> Row {
    let is = |when: When| steps.iter().filter(move |step| step.when == when);
    let transcript = session.transcript.as_deref().unwrap_or_default();
    let of = |role: Role| transcript.iter().filter(move |entry| entry.role == role);
    let said: Vec<&str> = steps.iter().map(|step| step.said.as_str()).collect();
    let said = said.join(" ");
    let heard: Vec<&str> = of(Role::User).map(|entry| entry.text.as_str()).collect();
    let made_up = heard.iter().filter(|text| arrived(text, &said) < MADE_UP).map(|text| (*text).to_owned());
    let is_unmeant = |text: &str| NEVER_SPOKEN.iter().any(|sign| text.contains(sign));
    let unmeant = of(Role::Agent).filter(|entry| is_unmeant(&entry.text)).map(|entry| entry.text.clone());
    let as_heard = |step: &Taken| of(Role::User).find(|entry| arrived(&step.said, &entry.text) > 0.5);
    let (agreed, misheard): (Vec<_>, Vec<_>) = is(When::Agreeing).partition(|step| as_heard(step).is_some());
    let is_outlasted = |agreed: &TranscriptEntry| of(Role::Agent).any(|reply| outlasts(reply, agreed));
    let (went_on, stopped): (Vec<_>, Vec<_>) =
        agreed.iter().partition(|step| as_heard(step).is_some_and(is_outlasted));
    let texts = |steps: &[&Taken]| steps.iter().map(|step| step.said.clone()).collect();
    let metrics = &session.metrics_summary;
    Row {
        turns: steps.len() - is(When::Agreeing).count(),
        answered: steps.iter().filter(|step| step.answered).count(),
        pauses: steps.iter().map(|step| step.pauses).sum(),
        talked_over: is(When::Listening)
            .flat_map(|step| {
                talked_over(spoken, step.at).into_iter().map(|seconds| (seconds, step.said.clone()))
            })
            .collect(),
        stopped: is(When::Interrupting).map(|step| silent_after(spoken, step.at.0)).collect(),
        agreed: agreed.len(),
        stopped_by: texts(&stopped),
        paused: went_on.iter().filter_map(|step| silence(spoken, step.at)).collect(),
        misheard: texts(&misheard),
        heard: arrived(&said, &heard.join(" ")),
        made_up: if scenario.babble { Vec::new() } else { made_up.collect() },
        unmeant: unmeant.collect(),
        early: (metrics.early_replies_used, metrics.early_replies),
        answer_p50: metrics.latencies.e2e_latency.p50,
    }
}

/// A reply that had begun before the caller agreed was said to its end.
fn outlasts(reply: &TranscriptEntry, agreed: &TranscriptEntry) -> bool {
    !reply.interrupted && reply.start_time <= agreed.start_time && agreed.end_time <= reply.end_time
}
