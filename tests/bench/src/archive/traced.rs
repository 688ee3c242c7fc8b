//! What a span in its call's trace costs an archived session.

use anyhow::{Result, ensure};
use test_servers::collector::Collector;

use super::scenario::{Runner, SCENARIOS, SMALL};
use super::{Bench, drain, row};
use crate::traces::{InTurns, set};

const SESSIONS: usize = 20_000;
/// Else the sink would leave out what it makes faster than it sends, and be the cheaper for it.
const QUEUE: (&str, &str) = ("OTEL_BSP_MAX_QUEUE_SIZE", "40000");

/// Microseconds of a session.
pub(crate) async fn measure(collector: &Collector) -> Result<InTurns> {
    let mut bench = Bench::start().await?;
    let sessions = bench.sessions(SESSIONS);
    bench.queue.fill(SMALL, 0..sessions).await?;
    row::print_header();
    let mut expected = collector.spans().len();
    let measured = InTurns::measure(async |_, traced| {
        set(&mut bench.servers.environment, collector, traced);
        bench.servers.environment.set(QUEUE.0, QUEUE.1);
        let row = drain::drain(&mut bench, &SCENARIOS[0], Runner::OURS, sessions).await?;
        row.print();
        expected += if traced { sessions } else { 0 };
        Ok(row.cpu_each())
    })
    .await?;
    let spans = collector.spans().len();
    ensure!(spans >= expected, "of at least {expected} spans {spans} have come");
    Ok(measured)
}
