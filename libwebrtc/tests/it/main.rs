//! The official `livekit` crate over this one, against the real server; and the same calls from another stack.

mod alone;
mod audio;
mod cleanup;
mod cost;
mod coturn;
mod data;
mod gathering;
mod network;
mod participant;
mod peer;
mod python;
mod reconnect;
mod refusals;
mod relay;
mod rooms;
mod server;
mod tone;

/// Shows the log with `RUST_LOG`.
pub(crate) fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init());
}
