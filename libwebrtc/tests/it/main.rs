//! The official `livekit` crate over this one, against the real server; and the same calls from another stack.

mod audio;
mod cleanup;
mod data;
mod participant;
mod python;
mod reconnect;
mod refusals;
mod rooms;
mod server;
mod tone;
