//! One row: so many sessions for a while, and what that cost.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Bench;
use super::sdk::Sdk;
use super::sessions::{Counts, Setup};
use crate::machine::{MachineTime, Surroundings};
use crate::process_cost::{cpu_seconds, memory_mb};

/// What receivers want: speech recognition takes 16 kHz, a loudspeaker 48.
const AGENT_LISTENS_AT: u32 = 16_000;
const CALLER_LISTENS_AT: u32 = 48_000;
const SETTLE: Duration = Duration::from_secs(5);
const PERIOD: Duration = Duration::from_secs(15);
const FRAMES_PER_SECOND: f64 = 100.0;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Receive,
    Publish,
    Both,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Publish => "publish",
            Self::Both => "both",
        }
    }
}

pub(super) struct Row {
    sdk: Sdk,
    pub(super) mode: Mode,
    pub(super) sessions: usize,
    /// Of a core, by all sessions together.
    pub(super) cpu_percent: f64,
    /// Of the whole process.
    pub(super) memory_mb: f64,
    /// What the measured process read, and what its peers read of it.
    heard: Option<Delivery>,
    spoken: Option<Delivery>,
    peers_cpu_percent: f64,
    server_cpu_percent: f64,
    surroundings: Surroundings,
}

/// Frames read, as a share of those that were due.
#[derive(Clone, Copy)]
pub(super) struct Delivery {
    /// Frames that sound, over all sessions.
    mean: f64,
    /// Frames that sound, of the session with the fewest.
    least: f64,
    /// All frames, filled gaps included, of the session with the most.
    most: f64,
}

/// Starts processes for the row alone, and ends them.
pub(super) async fn measure_row(bench: &Bench, sdk: Sdk, mode: Mode, sessions: usize) -> Result<Row> {
    let folder = bench.server.folder.path();
    let (listens, speaks) = (mode != Mode::Publish, mode != Mode::Receive);
    let agents = Setup {
        url: bench.server.environment.get("LIVEKIT_URL")?.to_owned(),
        tokens: tokens(bench, sdk, mode, sessions, "agent")?,
        speech: speaks.then(|| bench.agents.clone()),
        listening_rate: listens.then_some(AGENT_LISTENS_AT),
    };
    let callers = Setup {
        url: agents.url.clone(),
        tokens: tokens(bench, sdk, mode, sessions, "caller")?,
        speech: listens.then(|| bench.callers.clone()),
        listening_rate: speaks.then_some(CALLER_LISTENS_AT),
    };
    let mut peers = Sdk::Ours.start("peers", folder, &callers).await?;
    let mut measured = sdk.start("measured", folder, &agents).await?;
    measured.ready().await.context("start the measured sessions")?;
    peers.ready().await.context("start their peers")?;
    sleep(SETTLE).await;

    let processes = [measured.id()?, peers.id()?, bench.server.livekit.id().context("find livekit-server")?];
    let (started, machine) = (Instant::now(), MachineTime::read()?);
    let cpu = processes.map(cpu_seconds);
    let (heard, spoken): (Counts, Counts) = (measured.ask("counts").await?, peers.ask("counts").await?);
    sleep(PERIOD).await;
    let (heard_later, spoken_later): (Counts, Counts) =
        (measured.ask("counts").await?, peers.ask("counts").await?);
    let seconds = started.elapsed().as_secs_f64();
    let percent = |index: usize| (cpu_seconds(processes[index]) - cpu[index]) / seconds * 100.0;
    let (cpu_percent, peers_cpu_percent, server_cpu_percent) = (percent(0), percent(1), percent(2));
    let machine = MachineTime::read()?.since(&machine);
    let memory_mb = memory_mb(measured.id()?)?;
    measured.stop().await.context("stop the measured sessions")?;
    peers.stop().await.context("stop their peers")?;

    let accounted = cpu_percent + peers_cpu_percent + server_cpu_percent;
    Ok(Row {
        sdk,
        mode,
        sessions,
        cpu_percent,
        memory_mb,
        heard: (listens && sessions > 0).then(|| delivery(&heard, &heard_later)),
        spoken: (speaks && sessions > 0).then(|| delivery(&spoken, &spoken_later)),
        peers_cpu_percent,
        server_cpu_percent,
        surroundings: Surroundings::new(&machine, seconds, accounted),
    })
}

/// A room for each session; a name is used once.
fn tokens(bench: &Bench, sdk: Sdk, mode: Mode, sessions: usize, identity: &str) -> Result<Vec<String>> {
    let sdk = sdk.name();
    let room = |index| format!("{sdk}-{}-{sessions}-{index}", mode.name());
    (0..sessions).map(|index| bench.server.token(&room(index), identity)).collect()
}

fn delivery(before: &Counts, after: &Counts) -> Delivery {
    let due = (after.seconds - before.seconds) * FRAMES_PER_SECOND;
    let shares = |before: &[u64], after: &[u64]| -> Vec<f64> {
        before.iter().zip(after).map(|(before, after)| (after - before) as f64 / due).collect()
    };
    let sounding = shares(&before.sounding, &after.sounding);
    let silent = shares(&before.silent, &after.silent);
    Delivery {
        mean: sounding.iter().sum::<f64>() / sounding.len() as f64,
        least: sounding.iter().copied().fold(f64::INFINITY, f64::min),
        most: sounding.iter().zip(&silent).map(|(sounding, silent)| sounding + silent).fold(0.0, f64::max),
    }
}

impl Delivery {
    fn deviation(&self) -> f64 {
        (self.least - 1.0).abs().max((self.most - 1.0).abs())
    }

    fn json(&self) -> Value {
        json!({ "mean": self.mean, "least": self.least, "most": self.most })
    }
}

pub(super) fn print_header() {
    println!(
        "{:<7} {:<8} {:>8} {:>10} {:>7} {:>8} {:>17} {:>17} {:>7} {:>7} {:>7}",
        "",
        "",
        "",
        "CPU of",
        "CPU of",
        "memory",
        "frames heard",
        "frames spoken",
        "peers",
        "server",
        "others"
    );
    println!(
        "{:<7} {:<8} {:>8} {:>10} {:>7} {:>8} {:>17} {:>17} {:>7} {:>7} {:>7}",
        "SDK",
        "mode",
        "sessions",
        "each, %",
        "all, %",
        "MB PSS",
        "mean, least-most",
        "mean, least-most",
        "%",
        "%",
        "%"
    );
}

impl Row {
    /// How far the worst session is off the frames due, in either direction.
    pub(super) fn deviation(&self) -> f64 {
        [self.heard, self.spoken].iter().flatten().map(Delivery::deviation).fold(0.0, f64::max)
    }

    pub(super) fn print(&self) {
        let delivery = |delivery: Option<Delivery>| {
            delivery.map_or_else(
                || "-".to_owned(),
                |delivery| format!("{:.3} {:.3}-{:.3}", delivery.mean, delivery.least, delivery.most),
            )
        };
        let each = match self.sessions {
            0 => "-".to_owned(),
            sessions => format!("{:.2}", self.cpu_percent / sessions as f64),
        };
        println!(
            "{:<7} {:<8} {:>8} {each:>10} {:>7.1} {:>8.1} {:>17} {:>17} {:>7.1} {:>7.1} {:>7.1}{}",
            self.sdk.name(),
            self.mode.name(),
            self.sessions,
            self.cpu_percent,
            self.memory_mb,
            delivery(self.heard),
            delivery(self.spoken),
            self.peers_cpu_percent,
            self.server_cpu_percent,
            self.surroundings.others,
            self.surroundings.remarks_in_line(),
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "sdk": self.sdk.name(), "mode": self.mode.name(), "sessions": self.sessions,
            "cpu_percent": self.cpu_percent, "memory_mb": self.memory_mb,
            "heard": self.heard.map(|delivery| delivery.json()),
            "spoken": self.spoken.map(|delivery| delivery.json()),
            "peers_cpu_percent": self.peers_cpu_percent, "server_cpu_percent": self.server_cpu_percent,
            "others_cpu_percent": self.surroundings.others, "stolen_percent": self.surroundings.stolen,
            "idle_percent": self.surroundings.idle, "remarks": self.surroundings.remarks(),
        })
    }
}
