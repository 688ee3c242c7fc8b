//! The status page: over a real nats-server, with messages, consumers and dead letters as the sinks leave them.

mod access;
mod fixtures;
mod outages;
mod shown;
