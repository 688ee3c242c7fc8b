//! A process that faults kill and stop, as often and at the same time as they like; it runs again once none holds it.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use test_servers::{Program, Signal};

use crate::stack::ready;
use crate::stack::service::Service;

pub struct Process {
    service: Service,
    pub program: Program,
    /// Whether it is to run where no fault holds it.
    wanted: bool,
    /// Whether it was told to stop, and may not have ended yet.
    retired: bool,
    kills: usize,
    freezes: usize,
    /// How it ended where nobody had killed it.
    pub(super) ended: Vec<String>,
}

impl Process {
    pub(super) fn new(service: Service, program: Program) -> Self {
        Self { service, program, wanted: false, retired: false, kills: 0, freezes: 0, ended: Vec::new() }
    }

    /// From now on it is to run.
    pub(super) fn start(&mut self) -> Result<()> {
        self.wanted = true;
        self.settle()
    }

    /// Waits until it works.
    ///
    /// # Errors
    /// It does not within a minute.
    pub async fn ready(&self) -> Result<()> {
        ready(&self.service.ready, &self.program).await
    }

    /// Tells it to stop, and waits for nothing.
    pub(super) fn retire(&mut self) {
        (self.wanted, self.retired) = (false, true);
        self.signal("TERM");
    }

    /// With all that it has started, as the end of a container is.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.kills += 1;
        let children = self.program.id().map(descendants).unwrap_or_default();
        self.program.stop(Signal::Kill).context("kill a process")?;
        children.into_iter().for_each(|child| signal(child, "KILL"));
        Ok(())
    }

    pub(super) fn revive(&mut self) -> Result<()> {
        self.kills -= 1;
        self.settle()
    }

    pub(super) fn freeze(&mut self) {
        self.freezes += 1;
        self.signal("STOP");
    }

    pub(super) fn thaw(&mut self) {
        self.freezes -= 1;
        if self.freezes == 0 {
            self.signal("CONT");
        }
    }

    /// Starts it again where it ended by itself, as a supervisor does.
    pub(super) fn supervise(&mut self) -> Result<()> {
        if self.kills > 0 || !self.wanted {
            return Ok(());
        }
        let Some(status) = self.program.ended().context("look at a process")? else { return Ok(()) };
        if !self.retired {
            self.ended.push(format!("{} ended by itself: {status}", self.service.name));
        }
        self.settle()
    }

    fn settle(&mut self) -> Result<()> {
        if self.kills > 0 || !self.wanted {
            return Ok(());
        }
        // One that was told to stop may not have ended: it is started again when it has.
        let runs =
            self.program.id().is_some() && self.program.ended().context("look at a process")?.is_none();
        if !runs {
            self.program.start().with_context(|| format!("start {}", self.service.name))?;
            self.retired = false;
        }
        if self.freezes > 0 {
            self.signal("STOP");
        }
        Ok(())
    }

    /// Nothing happens where it does not run.
    fn signal(&self, name: &str) {
        if let Some(id) = self.program.id() {
            signal(id, name);
        }
    }
}

/// Nothing happens where the process ends at this moment.
fn signal(id: u32, name: &str) {
    let mut kill = Command::new("kill");
    drop(kill.arg(format!("-{name}")).arg(id.to_string()).stderr(Stdio::null()).status());
}

/// The processes that one has started, and those that these have.
fn descendants(id: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let children: Vec<u32> = children.split_whitespace().filter_map(|child| child.parse().ok()).collect();
    let further = children.iter().flat_map(|child| descendants(*child)).collect();
    [children, further].concat()
}
