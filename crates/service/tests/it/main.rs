//! The parts that every program has, over real sockets and real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;
mod nats;
mod service_manager;
