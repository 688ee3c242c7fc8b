//! The whole system over the real servers: each test has a stack of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod call;
mod chaos;
mod failures;
mod metadata;
mod own_services;
mod traced;
