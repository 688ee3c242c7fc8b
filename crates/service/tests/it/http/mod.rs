//! The HTTP server as odd clients see it, over raw sockets.

mod client;
mod crowd;
mod shapes;
mod shutdown;
mod slowness;
mod under_test;
