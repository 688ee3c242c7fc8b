//! Stand-ins for services that a fresh machine cannot have.
//!
//! They keep state, speak the real wire format, and refuse what the real service refuses, so that a client that works
//! against them has little left to get wrong. They are for tests and demonstrations only.

pub mod inference;
pub mod openai;
mod realtime;
pub mod salesforce;
mod sockets;
mod streaming;
