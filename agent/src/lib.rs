//! A LiveKit agent worker: answers calls, journals them, and publishes one session-end payload each.
//!
//! [`run`] puts the parts together: [`worker`] takes jobs from LiveKit and runs a [`session`] for each; a session lets the
//! [`conversation`] talk, decides when the call is over, and hands its journal to the [`spool`], which the [`publisher`]
//! empties into JetStream. Neither waits for the other: NATS never holds a call.

pub mod agent_state;
pub mod budget;
pub mod configuration;
pub mod conversation;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod http;
pub mod metrics;
pub mod persona;
pub mod providers;
pub mod publish;
pub mod publisher;
pub mod redaction;
pub mod room_service;
pub mod run;
pub mod session;
pub mod spool;
pub mod tools;
mod traces;
pub mod worker;
