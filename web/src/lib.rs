//! The service behind the page that places a call.
//!
//! - `POST /api/connection-details` ([`connection_details`]) gives a visitor a room of their own and a token for it.
//! - `/` is the page, embedded.
//! - `/healthz`, `/readyz`, `/metrics` are for whoever runs it.
//!
//! It talks to nobody: a token is signed, not asked for, so it needs LiveKit's API key and secret and no connection.

pub mod configuration;
pub mod connection_details;
mod metrics;
mod page;
mod request;
pub mod server;
mod token;
