//! The simulators, as a client meets them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod openai;
mod salesforce;
