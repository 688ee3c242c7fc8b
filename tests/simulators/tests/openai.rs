//! The simulated speech and language services, as a client meets them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "openai/caller.rs"]
mod caller;
#[path = "openai/canned.rs"]
mod canned;
#[path = "openai/chat.rs"]
mod chat;
#[path = "openai/faults.rs"]
mod faults;
#[path = "openai/orphans.rs"]
mod orphans;
#[path = "openai/python.rs"]
mod python;
#[path = "openai/recognition.rs"]
mod recognition;
#[path = "openai/simulator.rs"]
mod simulator;
#[path = "openai/speech.rs"]
mod speech;
