//! Journal, outbox and publisher against a real NATS server, real folders and real kills.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod crash;
mod disk;
pub(crate) mod fixtures;
mod nats;
mod power_cut;
mod publish;
mod publish_command;
