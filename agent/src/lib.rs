//! A LiveKit agent worker: answers calls, journals them, and publishes one session-end payload each.

pub mod publisher;
pub mod spool;
