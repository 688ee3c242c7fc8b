//! Processor time of a sink and of the servers that it stands between.

use crate::machine::{MachineTime, Surroundings};
use crate::process_cost::cpu_seconds;

/// Processor time in seconds, by who used it.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) program: f64,
    pub(crate) nats: f64,
    pub(crate) store: f64,
    /// By these, and by this program, which asks how far they are.
    all: f64,
}

impl Spent {
    /// By processes since their start.
    pub(crate) fn so_far(programs: &[u32], nats: u32, store: u32) -> Self {
        Self {
            program: programs.iter().copied().map(cpu_seconds).sum(),
            nats: cpu_seconds(nats),
            store: cpu_seconds(store),
            all: cpu_seconds(std::process::id()),
        }
    }

    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            program: self.program - before.program,
            nats: self.nats - before.nats,
            store: self.store - before.store,
            all: self.all - before.all,
        }
    }

    pub(crate) fn surroundings(&self, machine: &MachineTime, seconds: f64) -> Surroundings {
        Surroundings::new(machine, seconds, self.all / seconds * 100.0)
    }
}
