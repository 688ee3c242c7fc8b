//! Benchmarks: each measures ours and a peer in one run, prints its table, writes it to `.run/bench/NAME.json` with the
//! aims beside the figures, and exits non-zero where an aim is missed.
#![expect(clippy::print_stdout, reason = "a command that prints its report")]

mod agent;
mod archive;
mod burst;
mod compact;
mod cores;
mod fit;
mod host;
mod latency;
mod machine;
mod media;
mod nats_sync;
mod null_store;
mod payloads;
mod peer;
mod process_cost;
mod queue;
mod recording;
mod report;
mod salesforce;
mod spent;
mod traces;
mod turn_detector;
mod voice;
mod web;

use std::process::ExitCode;

use anyhow::{Result, bail};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    tests::install_tls();
    let report = match std::env::args().nth(1).as_deref() {
        Some("latency") => latency::measure().await?,
        Some("burst") => burst::measure().await?,
        Some("agent") => agent::measure().await?,
        Some("media") => media::measure().await?,
        Some("voice") => voice::measure().await?,
        Some("turns") => voice::turns::measure().await?,
        Some("sockets") => voice::sockets::measure().await?,
        Some("turn-detector") => turn_detector::measure()?,
        Some("archive") => archive::measure().await?,
        Some("salesforce") => salesforce::measure().await?,
        Some("compact") => compact::measure().await?,
        Some("traces") => traces::measure().await?,
        Some("web") => web::measure().await?,
        Some("nats-sync") => nats_sync::measure().await?,
        // What these start.
        Some("media-sessions") => return media::sessions::run().await.map(|()| ExitCode::SUCCESS),
        Some("voice-callers") => return voice::callers::run().await.map(|()| ExitCode::SUCCESS),
        Some("archive-raw") => return archive::raw::run().await.map(|()| ExitCode::SUCCESS),
        Some("null-s3") => return null_store::run().await.map(|()| ExitCode::SUCCESS),
        _ => bail!(
            "usage: bench latency | burst | agent | media | voice | turns | sockets | turn-detector | archive | salesforce | compact | \
             web | nats-sync | traces"
        ),
    };
    report.finish()
}
