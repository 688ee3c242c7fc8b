//! The simulated speech and language services, as a client meets them.

mod caller;
mod canned;
mod chat;
mod faults;
mod orphans;
mod python;
mod recogniser;
mod recognition;
mod simulator;
mod speech;
