//! What a caller says to the default persona: an answer to each of its questions, as text and as speech.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

/// A question of the agent, known by a part of it in lower case, and what the caller answers.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub question: &'static str,
    pub text: &'static str,
}

/// In the order in which the persona asks. The tier that its rules make of them is `hot`.
pub const ANSWERS: [Answer; 5] = [
    Answer { question: "on your team", text: "we are twelve people" },
    Answer { question: "in a month", text: "about forty documents a month" },
    Answer { question: "customers and deals", text: "we use sales force" },
    Answer { question: "kind of documents", text: "we want to send proposals" },
    Answer { question: "up and running", text: "we want to start this month" },
];

/// What the caller says first, to the greeting.
pub const OPENING: Answer = Answer { question: "how can i help", text: "hello" };

/// One answer of the script that `tests/browser/conversation.mjs` follows.
#[derive(Serialize)]
struct ScriptedAnswer<'a> {
    question: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<String>,
}

/// Writes the script of a spoken conversation, and its recordings beside it.
pub fn write_spoken(script: &Path) -> Result<()> {
    let folder = script.parent().context("find the script's folder")?;
    let spoken = |(index, answer): (usize, Answer)| {
        let file = folder.join(format!("answer-{index}.wav"));
        speak(answer.text, &file)?;
        let audio = Some(file.to_string_lossy().into_owned());
        Ok(ScriptedAnswer { question: answer.question, text: answer.text, audio })
    };
    write(script, lines().enumerate().map(spoken).collect::<Result<_>>()?)
}

/// Writes the script of a typed conversation.
pub fn write_typed(script: &Path) -> Result<()> {
    write(
        script,
        lines()
            .map(|answer| ScriptedAnswer { question: answer.question, text: answer.text, audio: None })
            .collect(),
    )
}

/// What the caller says, from the first word to the last.
pub fn lines() -> impl Iterator<Item = Answer> {
    std::iter::once(OPENING).chain(ANSWERS)
}

fn write(script: &Path, lines: Vec<ScriptedAnswer<'_>>) -> Result<()> {
    let text = serde_json::to_string_pretty(&lines).context("encode the script")?;
    std::fs::write(script, text).with_context(|| format!("write {}", script.display()))
}

/// A caller's voice: the one that the offline recogniser understands best.
pub fn speak(text: &str, file: &Path) -> Result<()> {
    let status = Command::new("flite").args(["-voice", "slt", "-t", text, "-o"]).arg(file).status();
    let status = status.context("run flite")?;
    ensure!(status.success(), "flite ended with {status}");
    Ok(())
}
