//! Writes what a voice session brought to light into the Lead, or the Contact, that has the visitor's e-mail address.
//!
//! A batch goes through these steps:
//! 1. [`org`] knows which fields there are: a [`field_map`] held against what the org describes ([`fields`], [`field_type`]).
//! 2. `matching` looks its addresses up: [`soql`] builds the statements, [`client`] asks them, [`choose`] picks the records of
//!    each address.
//! 3. [`plan`] brings the sessions of one record together and decides what is to be written.
//! 4. [`client`] updates the records by id; [`row_error`] says what a refused row means, [`results`] what that makes of a
//!    message.
//!
//! One session, record or content that is refused stops no other: `halving` takes a call apart that fails as a whole, and
//! `refusals` tells an item's own fault from the org's by what passes beside it. `pace` keeps a write within its time.
//!
//! [`writer`] is that sequence. What decides does no IO. No record is ever created, and an older session never overwrites
//! a newer one: the plan compares, and a validation rule of the org holds against whoever writes in between. Calls of the API
//! are what is scarce: [`usage`] holds them back before the org has none left.

mod answer;
mod assertion;
mod auth;
pub mod call_error;
pub mod check;
pub mod choose;
pub mod client;
mod commands;
pub mod config;
pub mod dry_run;
mod error_code;
#[cfg(test)]
mod example;
pub mod field_map;
pub mod field_type;
pub mod fields;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod halving;
mod matching;
pub mod org;
mod pace;
pub mod plan;
pub mod records;
mod refusals;
pub mod results;
pub mod row_error;
pub mod soql;
pub mod usage;
pub mod writer;
