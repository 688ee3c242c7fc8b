//! The service as its callers see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abuse;
mod browser;
mod client;
mod connection_details;
mod floods;
mod in_process;
mod livekit_away;
mod operation;
mod page;
mod page_configuration;
mod problem;
mod proof;
mod running;
mod status;
mod token_expiry;
mod token_source;
mod traced;
