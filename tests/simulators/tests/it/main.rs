//! The simulators, as a client meets them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod inference;
mod openai;
mod realtime;
mod salesforce;
