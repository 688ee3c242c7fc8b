//! The real program between a real nats-server and a real SeaweedFS.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod analytics;
mod cluster;
mod commands;
mod compaction;
mod dead_letters;
mod former_rows;
mod hostile;
mod objects;
mod odd_store;
mod outages;
mod places;
mod program;
mod proof;
mod proxy;
mod rights;
mod seaweedfs;
mod storing;
mod traced;
mod views;
mod wrong_answers;
