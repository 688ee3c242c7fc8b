//! The contract, as its readers rely on it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
