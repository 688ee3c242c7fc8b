//! The simulated Salesforce, as a client meets it.

mod collections;
mod description;
mod external_ids;
mod faults;
mod keys;
mod org;
mod pages;
mod python;
mod queries;
mod rows;
mod tokens;
