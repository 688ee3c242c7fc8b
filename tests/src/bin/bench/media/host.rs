//! A process that holds sessions, seen from outside.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use test_servers::{tool, workspace};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::sessions::{Counts, Setup};

const ANSWERS_WITHIN: Duration = Duration::from_secs(90);
const ENDS_WITHIN: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sdk {
    Ours,
    Python,
}

impl Sdk {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Python => "Python",
        }
    }
}

/// Ends with its owner: it stops at the end of its input.
pub(super) struct Host {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Host {
    /// Starts a process named `name`, which goes about its setup.
    pub(super) async fn start(sdk: Sdk, name: &str, folder: &Path, setup: &Setup) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let mut child = match sdk {
            Sdk::Ours => ours(name, folder)?,
            Sdk::Python => python(),
        }
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).context("make log")?)
        .kill_on_drop(true)
        .spawn()
        .context("start a process that holds sessions")?;
        let input = child.stdin.take().context("take its input")?;
        let output = BufReader::new(child.stdout.take().context("take its output")?).lines();
        let mut host = Self { child, input, output, log };
        host.say(&serde_json::to_string(setup)?).await?;
        Ok(host)
    }

    pub(super) fn id(&self) -> Result<u32> {
        self.child.id().with_context(|| format!("it has ended:\n{}", self.log()))
    }

    /// Waits until audio flows in every session.
    pub(super) async fn ready(&mut self) -> Result<()> {
        match self.hear().await?.as_str() {
            "ready" => Ok(()),
            other => bail!("it answered «{other}»"),
        }
    }

    pub(super) async fn counts(&mut self) -> Result<Counts> {
        self.say("counts").await?;
        serde_json::from_str(&self.hear().await?).context("parse counts")
    }

    /// Has it leave its rooms, and waits for its end.
    pub(super) async fn stop(self) -> Result<()> {
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
fn ours(name: &str, folder: &Path) -> Result<Command> {
    let copy = folder.join(name);
    if !copy.exists() {
        let running = std::env::current_exe().context("find the running program")?;
        std::fs::copy(running, &copy).context("copy the running program")?;
    }
    let mut command = Command::new(copy);
    command.arg("media-sessions");
    Ok(command)
}

fn python() -> Command {
    let mut command = Command::new(tool("python/bin/python"));
    command.arg(workspace().join("tests/python/media_sessions.py"));
    command
}
