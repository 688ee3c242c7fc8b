//! The simulated speech and language services, as a client meets them.

pub(crate) mod caller;
mod canned;
pub(crate) mod chat;
mod faults;
mod orphans;
mod python;
mod recogniser;
mod recognition;
pub(crate) mod simulator;
pub(crate) mod socket;
mod speech;
