//! The service behind the page that places a call.
//!
//! - `POST /api/connection-details` and `POST /api/token` ([`connection_details`]) give a visitor a room of their own and a
//!   token for it.
//! - `/` is the page, embedded; `GET /api/page-configuration` is what it is told of itself.
//! - `/healthz`, `/readyz`, `/metrics` are for whoever runs it, at an address of their own; `/healthz` is at both.
//! - `/status` ([`status`]) shows people how the last calls came through; off by default.
//!
//! A token is signed, not asked for. LiveKit is only asked, every few seconds, whether it is there and which rooms it has.
//! Only for the status page something is read from NATS.

mod api;
pub mod app;
mod base_path;
mod calls;
mod client_address;
pub mod configuration;
pub mod connection_details;
mod content_security;
mod email_domains;
mod email_limit;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod http_client;
mod livekit;
pub mod metrics;
mod page;
mod page_configuration;
mod problem;
mod proof;
mod rate_limit;
mod request;
mod request_origin;
mod security_headers;
pub mod server;
pub mod status;
mod token;
mod token_limit;
