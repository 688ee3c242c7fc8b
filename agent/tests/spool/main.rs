//! Journal, outbox and publisher against a real NATS server, real folders and real kills.

mod crash;
mod disk;
mod fixtures;
mod nats;
mod publish;
