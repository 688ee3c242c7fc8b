//! Speech to text by PocketSphinx, in a few processes of Python that live as long as the service.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

use super::audio;
use super::grammar::Grammar;
use super::heard::{Heard, Word};

/// The program that the processes run.
const PROGRAM: &str = include_str!("../../python/recognise.py");
/// Longest time for one answer; a second of sound takes about a tenth.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How much of a sentence counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Only what is whole in the grammar.
    Whole,
    /// The words so far of a sentence that goes on.
    Partly,
}

/// The processes; clones share them.
#[derive(Clone)]
pub struct Recognisers(Arc<Shared>);

struct Shared {
    python: PathBuf,
    grammar: Grammar,
    permits: Semaphore,
    idle: Mutex<Vec<Process>>,
}

impl Recognisers {
    /// Starts `count` processes of `python`, which must have the package `pocketsphinx`. What has a word that nobody can
    /// pronounce is left out of the grammar, with a warning.
    ///
    /// # Errors
    /// A process that does not start or cannot read the grammar.
    pub async fn start(python: PathBuf, mut grammar: Grammar, count: usize) -> anyhow::Result<Self> {
        let mut first = Process::start(&python)?;
        let unknown = first.learn(&grammar).await?;
        if !unknown.is_empty() {
            let left_out = grammar.leave_out(&unknown);
            warn!(
                ?unknown,
                ?left_out,
                "words that the recogniser cannot pronounce: say these answers in other words"
            );
        }
        first.listen_for(&grammar).await?;
        let mut idle = vec![first];
        for _ in 1..count {
            idle.push(Process::ready(&python, &grammar).await?);
        }
        let permits = Semaphore::new(count.max(1));
        Ok(Self(Arc::new(Shared { python, grammar, permits, idle: Mutex::new(idle) })))
    }

    /// What was said in `samples` (16 kHz, mono); empty where nobody spoke, or nothing that is expected.
    ///
    /// # Errors
    /// A process that died or took too long; the next call gets a new one.
    pub async fn recognise(&self, samples: &[i16]) -> anyhow::Result<Heard> {
        self.hear(samples, Extent::Whole).await
    }

    /// The words so far of somebody who may go on. `None` where all processes are busy: it is not worth waiting for.
    ///
    /// # Errors
    /// As [`Self::recognise`].
    pub(crate) async fn recognise_partly(&self, samples: &[i16]) -> anyhow::Result<Option<Heard>> {
        if self.0.permits.available_permits() == 0 {
            return Ok(None);
        }
        self.recognise_unfinished(samples).await.map(Some)
    }

    /// The words of somebody who broke off.
    ///
    /// # Errors
    /// As [`Self::recognise`].
    pub(crate) async fn recognise_unfinished(&self, samples: &[i16]) -> anyhow::Result<Heard> {
        self.hear(samples, Extent::Partly).await
    }

    async fn hear(&self, samples: &[i16], extent: Extent) -> anyhow::Result<Heard> {
        if !audio::has_voice(samples) {
            return Ok(Heard::default());
        }
        let (shared, samples) = (self.0.clone(), audio::for_recognition(samples));
        // A caller that goes away does not leave a process in the middle of an answer.
        let answer = tokio::spawn(async move { shared.recognise(&samples, extent).await });
        answer.await.context("wait for the recogniser")?
    }
}

impl Shared {
    async fn recognise(&self, samples: &[i16], extent: Extent) -> anyhow::Result<Heard> {
        let _permit = self.permits.acquire().await.context("wait for a free recogniser")?;
        let idle = self.idle().pop();
        let mut process = match idle {
            Some(process) => process,
            None => Process::ready(&self.python, &self.grammar).await?,
        };
        let mut heard = process.recognise(samples, extent).await?;
        self.idle().push(process);
        if extent == Extent::Whole {
            let whole = self.grammar.whole(&heard.text()).unwrap_or_default();
            heard.words.truncate(whole.split_whitespace().count());
        }
        Ok(heard)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process; it ends when it is dropped.
struct Process {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(python: &PathBuf) -> anyhow::Result<Self> {
        let mut child = Command::new(python)
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}: run deploy/dev/install.sh python first", python.display()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the recogniser has no pipes");
        };
        Ok(Self { _child: child, input, output: BufReader::new(output).lines() })
    }

    /// A process that knows a grammar whose words can all be pronounced.
    async fn ready(python: &PathBuf, grammar: &Grammar) -> anyhow::Result<Self> {
        let mut process = Self::start(python)?;
        process.learn(grammar).await?;
        process.listen_for(grammar).await?;
        Ok(process)
    }

    /// Answers the words that nobody can pronounce.
    async fn learn(&mut self, grammar: &Grammar) -> anyhow::Result<BTreeSet<String>> {
        self.ask(json!({ "words": grammar.words() }), &[], "unknown").await
    }

    async fn listen_for(&mut self, grammar: &Grammar) -> anyhow::Result<()> {
        let ready: bool = self.ask(json!({ "grammar": grammar.jsgf() }), &[], "ready").await?;
        ensure!(ready, "the recogniser did not take the grammar");
        Ok(())
    }

    async fn recognise(&mut self, samples: &[i16], extent: Extent) -> anyhow::Result<Heard> {
        let sound: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let request = json!({ "bytes": sound.len(), "partly": extent == Extent::Partly });
        let words: Vec<(String, f64, f64)> = self.ask(request, &sound, "words").await?;
        let words = words.into_iter().map(|(word, start, end)| Word { word, start, end });
        Ok(Heard { words: words.collect() })
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        request: Value,
        data: &[u8],
        answer: &str,
    ) -> anyhow::Result<T> {
        let mut message = request.to_string().into_bytes();
        message.push(b'\n');
        message.extend(data);
        let exchange = async {
            self.input.write_all(&message).await?;
            self.output.next_line().await
        };
        let line = timeout(TIME_LIMIT, exchange).await.context("wait for the recogniser's answer")?;
        let line = line.context("talk to the recogniser")?;
        let line = line.context("the recogniser ended: has its Python the package pocketsphinx?")?;
        let mut fields: Value = serde_json::from_str(&line).context("read the recogniser's answer")?;
        serde_json::from_value(fields[answer].take()).context("read the recogniser's answer")
    }
}
