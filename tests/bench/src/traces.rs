//! What traces cost: processor time of a conversation and of an archived session, with them and without, in turns. The collector
//! takes all at once, in this process, whose time is not counted.

use anyhow::Result;
use serde_json::json;
use test_servers::collector::{Collector, Manner};
use tests::environment::Environment;

use crate::report::{Report, median};
use crate::{archive, voice};

const ROUNDS: usize = 3;
const MOST: f64 = 1.03;

/// What was measured without traces and with them, one after the other, so often.
#[derive(Default)]
pub(crate) struct InTurns {
    without: Vec<f64>,
    with: Vec<f64>,
}

impl InTurns {
    /// Of a round, and whether there are traces in it.
    pub(crate) async fn measure(mut one: impl AsyncFnMut(usize, bool) -> Result<f64>) -> Result<Self> {
        let mut measured = Self::default();
        for round in 1..=ROUNDS {
            measured.without.push(one(round, false).await?);
            measured.with.push(one(round, true).await?);
        }
        Ok(measured)
    }
}

/// Has programs that are started from now on send their traces there, or make none.
pub(crate) fn set(environment: &mut Environment, collector: &Collector, traced: bool) {
    for (name, value) in collector.environment() {
        environment.set(name, if traced { &value } else { "" });
    }
}

pub(crate) async fn measure() -> Result<Report> {
    let collector = Collector::start(Manner::Takes);
    let archived = archive::traced::measure(&collector).await?;
    let conversations = voice::traced::measure(&collector).await?;
    let mut report = Report::beside("traces", "without");
    for (name, unit, measured) in
        [("an archived session", "us", &archived), ("a conversation", "% of a core", &conversations)]
    {
        let without = median(measured.without.clone());
        report.figure(name, unit, median(measured.with.clone()), Some(without), Some(MOST * without));
        report.detail(name, json!({ "without": measured.without, "with": measured.with }));
    }
    Ok(report)
}
