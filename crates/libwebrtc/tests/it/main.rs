//! The official `livekit` crate over this one, against the real server.
//!
//! `conformance` is what is proved with other stacks at the far end: its `python` and `chromium` are the lists. `relay`,
//! `gathering` and `network` are about the ways there, `reconnect` and `tokens` about staying, `ending` about connections
//! that die, `outside` about programs without tokio, `audio` about time and rates, `statistics` about what is counted,
//! `refusals` about what there is not, `cleanup` and `cost` about what it takes. The others are tools.

mod alone;
mod audio;
mod cleanup;
mod conformance;
mod cost;
mod coturn;
mod ending;
mod gathering;
mod network;
mod outside;
mod participant;
mod peer;
mod process;
mod reconnect;
mod refusals;
mod relay;
mod server;
mod sound;
mod statistics;
mod tokens;
mod tone;

/// Shows the log with `RUST_LOG`.
pub(crate) fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init());
}
