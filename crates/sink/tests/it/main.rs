//! The runtime over a real nats-server, with writers that do as each test says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod busy;
mod cluster;
mod damaged;
mod dead_letters;
mod dead_letters_kept;
mod made_anew;
mod metrics;
mod odd_messages;
mod permissions;
mod poison;
mod power_cut;
mod reading;
mod recovery;
mod scripted;
mod setup;
mod verdicts;
mod window;
mod wrong_consumer;
mod wrong_stream;
