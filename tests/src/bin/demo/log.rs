//! What the agent logs of one session.

use std::path::PathBuf;

use anyhow::{Context, Result};
use test_servers::workspace;

/// The agent's log from some point on.
pub(crate) struct AgentLog {
    file: PathBuf,
    from: usize,
}

impl AgentLog {
    /// From what has been written by now.
    pub(crate) fn from_here() -> Self {
        let file = workspace().join(".run/log/agent.log");
        let from = std::fs::metadata(&file).map_or(0, |metadata| metadata.len() as usize);
        Self { file, from }
    }

    /// The lines that name a session.
    pub(crate) fn lines_of(&self, session_id: &str) -> Result<Vec<String>> {
        let bytes = std::fs::read(&self.file).context("read the agent's log")?;
        let text = String::from_utf8_lossy(bytes.get(self.from..).unwrap_or_default()).into_owned();
        Ok(text.lines().filter(|line| line.contains(session_id)).map(str::to_owned).collect())
    }
}
