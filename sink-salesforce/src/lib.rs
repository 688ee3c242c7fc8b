//! Writes what a voice session brought to light into the Lead, or the Contact, that has the visitor's e-mail address.
//!
//! A batch goes through these steps:
//! 1. [`soql`] builds the look-ups of its addresses, [`client`] asks them.
//! 2. [`choose`] picks one record for each address.
//! 3. [`plan`] brings the sessions of one record together and decides what is to be written.
//! 4. [`client`] updates the records by id; [`row_error`] says what a refused row means.
//!
//! [`writer`] is that sequence. What decides does no IO. No record is ever created, and an older call never overwrites
//! a newer one: the plan compares, and a validation rule of the org holds against whoever writes in between.

mod auth;
pub mod call_error;
pub mod choose;
pub mod client;
pub mod config;
pub mod plan;
pub mod records;
pub mod row_error;
pub mod soql;
pub mod voice;
pub mod writer;
