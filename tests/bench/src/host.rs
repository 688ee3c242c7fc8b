//! A process with a part of a benchmark, seen from outside: this program as a copy of itself, or a script in its place. Its
//! first line of input is its setup, and it answers `ready`; each further line it answers with a line of JSON.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

const ANSWERS_WITHIN: Duration = Duration::from_secs(90);
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// Ends with its owner: it stops at the end of its input.
pub(crate) struct Host {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Host {
    /// Starts a process, which goes about its setup.
    pub(crate) async fn start(mut command: Command, log: PathBuf, setup: &impl Serialize) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("make log")?)
            .kill_on_drop(true)
            .spawn()
            .context("start a process of the benchmark")?;
        let input = child.stdin.take().context("take its input")?;
        let output = BufReader::new(child.stdout.take().context("take its output")?).lines();
        let mut host = Self { child, input, output, log };
        host.say(&serde_json::to_string(setup)?).await?;
        Ok(host)
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().with_context(|| format!("it has ended:\n{}", self.log()))
    }

    /// Waits until it is set up.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        match self.hear().await?.as_str() {
            "ready" => Ok(()),
            other => bail!("it answered «{other}»"),
        }
    }

    /// The answer to a line.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, question: &str) -> Result<T> {
        self.say(question).await?;
        serde_json::from_str(&self.hear().await?).with_context(|| format!("parse the answer to «{question}»"))
    }

    /// Has it finish, and waits for its end.
    pub(crate) async fn stop(self) -> Result<()> {
        let Self { mut child, input, log, .. } = self;
        drop(input);
        let ended = timeout(ENDS_WITHIN, child.wait()).await.context("wait for its end")??;
        if !ended.success() {
            bail!("it ended with {ended}:\n{}", read(&log));
        }
        Ok(())
    }

    async fn say(&mut self, line: &str) -> Result<()> {
        self.input
            .write_all(format!("{line}\n").as_bytes())
            .await
            .with_context(|| format!("write to it; its log:\n{}", self.log()))
    }

    async fn hear(&mut self) -> Result<String> {
        let line =
            timeout(ANSWERS_WITHIN, self.output.next_line()).await.context("wait for its answer")??;
        line.with_context(|| format!("it ended; its log:\n{}", self.log()))
    }

    fn log(&self) -> String {
        read(&self.log)
    }
}

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// This program as a copy in a file of its own, so that it shares no memory with the others of the same program.
pub(crate) fn copy_of_this(name: &str, folder: &Path, benchmark: &str) -> Result<Command> {
    let copy = folder.join(name);
    if !copy.exists() {
        let running = std::env::current_exe().context("find the running program")?;
        std::fs::copy(running, &copy).context("copy the running program")?;
    }
    let mut command = Command::new(copy);
    command.arg(benchmark);
    Ok(command)
}

/// What such a process says.
pub(crate) fn answer(line: &str) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{line}").and_then(|()| output.flush()).context("answer")
}
