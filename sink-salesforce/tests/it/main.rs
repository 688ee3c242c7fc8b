//! The writer against a simulated Salesforce, and the whole binary with a NATS server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod between;
mod binary;
mod check;
mod dry_run;
mod faults;
mod keys;
mod odd_payloads;
mod odd_server;
mod one_of_many;
mod org;
mod readiness;
mod records;
mod short_time;
mod storm;
mod traced;
