//! What is compared: which programs, over how many payloads, at which latency.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use test_servers::{Program, tool, workspace};
use tests::environment::{Environment, program};

use crate::payloads::Payloads;

pub(super) const PAYLOADS: Payloads = Payloads { bytes: 4 * 1_024 };
/// Of a call, as from another continent.
pub(super) const FAR: Duration = Duration::from_millis(100);
/// Of a call, as to an org with triggers.
const SLOW: Duration = Duration::from_millis(500);

pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) latency: Duration,
    /// Of the payloads that are queued; each is from a visitor of its own.
    pub(super) payloads: Range<usize>,
    /// The sinks, which run in turns.
    pub(super) runners: &'static [Runner],
    pub(super) rounds: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    /// `sink-salesforce run` with its own settings.
    Ours,
    /// `simple_salesforce`, one call each, which would create a Lead where none has the address.
    Upsert,
    /// `simple_salesforce`, a query and an update each, which creates nothing.
    LookUp,
}

pub(super) const NEAR_1000: &str = "1,000, 0 ms";
pub(super) const NEAR_10000: &str = "10,000, 0 ms";
pub(super) const FAR_1000: &str = "1,000, 100 ms";
pub(super) const SLOW_1000: &str = "1,000, 500 ms";
pub(super) const FAR_200: &str = "200, 100 ms";

/// Those with the same payloads stand together: the stream is filled once for them.
pub(super) const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: NEAR_1000,
        latency: Duration::ZERO,
        payloads: 0..1_000,
        runners: &[Runner::Ours, Runner::Upsert, Runner::LookUp],
        rounds: 3,
    },
    Scenario { name: FAR_1000, latency: FAR, payloads: 0..1_000, runners: &[Runner::Ours], rounds: 3 },
    // Longer than a batch waits for its messages: each has to be whole all the same.
    Scenario { name: SLOW_1000, latency: SLOW, payloads: 0..1_000, runners: &[Runner::Ours], rounds: 1 },
    // More, because 1,000 are over before they can be timed well, and processor time is counted in steps of 10 ms.
    Scenario {
        name: NEAR_10000,
        latency: Duration::ZERO,
        payloads: 2_000..12_000,
        runners: &[Runner::Ours],
        rounds: 3,
    },
    // Fewer, because it takes the others a minute.
    Scenario {
        name: FAR_200,
        latency: FAR,
        payloads: 1_000..1_200,
        runners: &[Runner::Ours, Runner::Upsert, Runner::LookUp],
        rounds: 1,
    },
];

impl Runner {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Upsert => "upsert",
            Self::LookUp => "look up, update",
        }
    }

    /// The process, not yet started. The Python ones take up to `batch` messages at a time.
    pub(super) fn process(self, environment: &Environment, folder: &Path, batch: usize) -> Result<Program> {
        let log = folder.join(format!("{}.log", self.name()));
        // A log is of one run.
        std::fs::write(&log, "")?;
        let python = |way: &str| {
            let (script, batch) = (script(), batch.to_string());
            Program::new(tool("peers/bin/python"), &[&script, way, &batch], environment, log.clone())
        };
        Ok(match self {
            Self::Ours => Program::new(program("sink-salesforce")?, &["run"], environment, log),
            Self::Upsert => python("upsert"),
            Self::LookUp => python("look-up"),
        })
    }
}

pub(super) fn script() -> String {
    workspace().join("tests/python/salesforce_peer.py").to_string_lossy().into_owned()
}
