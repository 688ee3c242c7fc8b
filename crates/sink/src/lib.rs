//! The runtime that the sinks share: it pulls session-end events from JetStream, decodes them, gives them to a
//! [`Writer`], and settles each: ack, deliver again, or dead letter.
//!
//! A sink is a crate with a type that is a [`Writer`] and a [`Sink`], and a `main` that calls [`main()`] with it; the
//! smallest one is in `examples/`. It gets these commands, and may add its own:
//! - `run`: consume until told to stop; `consume::Consumer::consume` is the whole way of a message;
//! - `setup`: create the streams and the durable consumer, an operator's task;
//! - `check`: whether all is there that the sink needs;
//! - `replay`: write events of the stream again;
//! - `dead-letters`: list, show, replay, drop.
//!
//! A message is acked after its write only. It is a dead letter when it cannot be decoded, when the writer rejects it, or
//! when its own faults do not end; never because the store is down: then pulling pauses and what is in flight is held.
//!
//! The ground is `writer`, `options`, `day` and `backoff`. On it stand `streams`, which reads and writes JetStream's streams;
//! `consume`, which is the running sink; and `commands`, which read the streams without the sink's consumer. `program`
//! puts them together.

mod backoff;
mod commands;
mod consume;
mod day;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod options;
mod program;
mod streams;
mod writer;

pub use commands::check::{Check, check_queue};
pub use commands::dead_letters::{DeadLettersArgs, dead_letters};
pub use commands::output::{Progress, print_line};
pub use commands::replay::{ReplayEventsArgs, replay_events};
pub use commands::setup::{SetupArgs, setup};
pub use consume::run_until;
pub use day::day;
pub use options::{RunArgs, SinkOptions};
pub use program::{FurtherCommands, NoArgs, NoCommands, Sink, main};
pub use streams::events::{CLOCKS_APART, Events, Period, StoredEvent};
pub use writer::{Message, PERMANENT, RETRIED, UNDECODABLE, WriteError, Writer, Written};
