//! The service behind the page that places a call.
//!
//! - `POST /api/connection-details` ([`connection_details`]) gives a visitor a room of their own and a token for it.
//! - `/` is the page, embedded.
//! - `/healthz`, `/readyz`, `/metrics` are for whoever runs it, at an address of their own; `/healthz` is at both.
//!
//! It talks to nobody: a token is signed, not asked for, so it needs LiveKit's API key and secret and no connection.

mod base_path;
mod client_address;
pub mod configuration;
pub mod connection_details;
mod content_security;
pub mod metrics;
mod page;
mod rate_limit;
mod request;
pub mod server;
mod token;
mod token_limit;
