//! The runtime that the sinks share: it pulls session-end events from JetStream, decodes them, gives them to a
//! [`Writer`], and settles each: ack, deliver again, or dead letter.
//!
//! A sink is a [`Writer`], [`SinkOptions`], and a `main` that calls one of
//! - [`run()`]: consume until told to stop; `Runtime::consume` is the whole way of a message;
//! - [`setup()`]: create the streams and the durable consumer, an operator's task;
//! - [`check_queue()`]: whether an operator's work is done; the sink adds what its store needs;
//! - [`replay_events()`]: write events of the stream again;
//! - [`dead_letters()`]: list, show, replay, drop.
//!
//! A message is acked after its write only. It is a dead letter when it cannot be decoded, when the writer rejects it, or
//! when its own faults do not end; never because the store is down: then pulling pauses and what is in hand is held.

mod ack_subject;
mod acks;
mod backoff;
mod check;
mod concurrency;
mod consumer;
mod consumer_rules;
mod dead_letter;
mod dead_letters;
mod dead_letters_command;
mod decode;
mod events;
mod faults;
mod headers;
mod health;
mod in_hand;
mod letter;
mod letter_box;
mod link;
mod lost;
mod metrics;
mod outage;
mod output;
mod pull;
mod queue;
mod recover;
mod replay;
mod replay_command;
mod run;
mod runtime;
mod settle;
mod setup;
mod stored;
mod stream_rules;
mod suspicion;
mod unreadable;
mod watch;
mod write;
mod writer;

pub use check::{Check, check_queue, print_checks};
pub use dead_letters_command::{DeadLettersArgs, DeadLettersCommand, ReplayArgs, WhichLetters, dead_letters};
pub use events::{CLOCKS_APART, Events, Period, StoredEvent};
pub use output::{Progress, print_line};
pub use replay_command::{ReplayEventsArgs, WhichEvents, replay_events};
pub use run::{RunArgs, SinkOptions, run, run_until};
pub use setup::{SetupArgs, setup};
pub(crate) use writer::ATTEMPTS_USED_UP;
pub use writer::{Message, PERMANENT, RETRIED, UNDECODABLE, WriteError, Writer, Written};
