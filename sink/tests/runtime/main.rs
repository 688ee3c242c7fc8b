//! The runtime over a real nats-server, with writers that do as each test says.

#[path = "http.rs"]
mod http;
#[path = "nats_server.rs"]
mod nats_server;

mod dead_letters;
mod recovery;
mod scripted;
mod setup;
mod verdicts;
