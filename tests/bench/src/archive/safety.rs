//! What becomes of sessions while our sink is killed, again and again, and when it is told to stop.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use test_servers::{Program, Signal};
use tokio::time::sleep;

use super::Bench;
use super::drain::DRAINED_WITHIN;
use super::scenario::{SMALL, Store};
use super::sinks::Sink;
use crate::null_store::{Behaviour, Compared, Counts};
use crate::payloads::Chance;

const KILLS: u64 = 20;
/// Instead of the half minute that the consumer has otherwise, so that what a killed sink had in flight comes again soon.
const ACK_WAIT: Duration = Duration::from_secs(2);
/// So that most kills fall between a put and its ack.
const LATENCY_OF_KILLS: Duration = Duration::from_millis(5);
const LATENCY_OF_STOP: Duration = Duration::from_millis(25);

/// After `kill -9`, many times.
pub(super) struct Killed {
    pub(super) compared: Compared,
    counts: Counts,
    redelivered: u64,
}

/// After SIGTERM in the middle.
pub(super) struct Stopped {
    pub(super) seconds: f64,
    pub(super) redelivered: u64,
    pub(super) compared: Compared,
    /// When it was told.
    acked: u64,
    in_flight: u64,
}

/// The stream is filled with small payloads.
pub(super) async fn kill_again_and_again(bench: &mut Bench) -> Result<Killed> {
    let store = Store::Null(Behaviour { latency: LATENCY_OF_KILLS, refused: 0.0, keeps_bodies: true });
    let mut process = begin(bench, store).await?;
    let sessions = bench.queue.sessions();
    let mut chance = Chance::of(1);
    for kill in 1..=KILLS {
        process.start()?;
        bench.queue.until_acked(sessions * kill / (KILLS + 1), DRAINED_WITHIN).await?;
        sleep(Duration::from_micros(chance.draw() % 20_000)).await;
        process.stop(Signal::Kill)?;
    }
    process.start()?;
    let progress = bench.queue.until_acked(sessions, DRAINED_WITHIN).await?;
    process.stop(Signal::Terminate)?;
    Ok(Killed {
        compared: bench.null_store.compare(SMALL, sessions as usize).await?,
        counts: bench.null_store.counts().await?,
        redelivered: progress.deliveries - progress.acked,
    })
}

pub(super) async fn stop_in_the_middle(bench: &mut Bench) -> Result<Stopped> {
    let store = Store::Null(Behaviour { latency: LATENCY_OF_STOP, refused: 0.0, keeps_bodies: true });
    let mut process = begin(bench, store).await?;
    process.start()?;
    let sessions = bench.queue.sessions();
    let middle = bench.queue.until_acked(sessions / 3, DRAINED_WITHIN).await?;
    let told = Instant::now();
    let status = process.stop(Signal::Terminate)?.context("it did not run")?;
    let seconds = told.elapsed().as_secs_f64();
    ensure!(status.success(), "it ended with {status}:\n{}", process.log());
    process.start()?;
    let progress = bench.queue.until_acked(sessions, DRAINED_WITHIN).await?;
    process.stop(Signal::Terminate)?;
    Ok(Stopped {
        seconds,
        redelivered: progress.deliveries - progress.acked,
        compared: bench.null_store.compare(SMALL, sessions as usize).await?,
        acked: middle.acked,
        in_flight: middle.in_flight,
    })
}

/// A sink that does not run yet, before a consumer with all messages.
async fn begin(bench: &mut Bench, store: Store) -> Result<Program> {
    if let Store::Null(behaviour) = store {
        bench.null_store.begin(behaviour).await?;
    }
    bench.queue.rewind(Some(ACK_WAIT)).await?;
    let process = Sink::Ours.process(&bench.environment(store), bench.servers.folder.path())?;
    bench.queue.resume().await?;
    Ok(process)
}

impl Killed {
    pub(super) fn print(&self) {
        let (compared, counts) = (self.compared, self.counts);
        println!(
            "kill -9, {KILLS} times: lost {}, extra keys {}, differing bytes {}; redelivered {}, puts {}, of them again {}",
            compared.lost,
            compared.extra,
            compared.differing,
            self.redelivered,
            counts.puts,
            counts.rewritten,
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "kills": KILLS, "compared": self.compared, "store": self.counts, "redelivered": self.redelivered,
        })
    }
}

impl Stopped {
    pub(super) fn print(&self) {
        println!(
            "SIGTERM after {} sessions, {} in flight: ended in {:.3} s, redelivered {}, lost {}",
            self.acked, self.in_flight, self.seconds, self.redelivered, self.compared.lost,
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "seconds": self.seconds, "redelivered": self.redelivered, "compared": self.compared,
            "acked_before": self.acked, "in_flight_before": self.in_flight,
        })
    }
}
