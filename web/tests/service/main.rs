//! The service as its callers see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connection_details;
mod in_process;
mod operation;
mod page;
