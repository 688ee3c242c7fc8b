//! The connection to NATS, held against real servers: whatever may change or be odd while a program runs.

mod ended;
mod fixtures;
mod jwt;
mod passwords;
mod places;
mod renewed;
mod tls;
mod users;
