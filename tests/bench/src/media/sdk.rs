//! What the measured sessions are built on.

use std::path::Path;

use anyhow::Result;
use test_servers::{tool, workspace};
use tokio::process::Command;

use super::sessions::Setup;
use crate::host::{Host, copy_of_this};

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

    /// Starts a process named `name` that holds the sessions.
    pub(super) async fn start(self, name: &str, folder: &Path, setup: &Setup) -> Result<Host> {
        let command = match self {
            Self::Ours => copy_of_this(name, folder, "media-sessions")?,
            Self::Python => python(),
        };
        Host::start(command, folder.join(format!("{name}.log")), setup).await
    }
}

fn python() -> Command {
    let mut command = Command::new(tool("python/bin/python"));
    command.arg(workspace().join("tests/python/media_sessions.py"));
    command
}
