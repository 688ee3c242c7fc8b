//! The service as its callers see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod client;
mod connection_details;
mod floods;
mod in_process;
mod operation;
mod page;
mod running;
mod token_expiry;
