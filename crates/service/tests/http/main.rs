//! The HTTP server as odd clients see it, over raw sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod crowd;
mod shapes;
mod shutdown;
mod slowness;
mod under_test;
