//! The agent over real servers: conversations, the worker and the spool. The program runs as a process of its own, with a
//! livekit-server, callers of LiveKit's Python SDK, and the simulated speech and language services.

mod callers;
mod conversation;
mod providers;
mod refusing_disk;
mod servers;
mod spool;
mod worker;
