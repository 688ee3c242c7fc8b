//! The simulated Salesforce, as a client meets it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "salesforce/collections.rs"]
mod collections;
#[path = "salesforce/description.rs"]
mod description;
#[path = "salesforce/external_ids.rs"]
mod external_ids;
#[path = "salesforce/faults.rs"]
mod faults;
#[path = "salesforce/keys.rs"]
mod keys;
#[path = "salesforce/org.rs"]
mod org;
#[path = "salesforce/pages.rs"]
mod pages;
#[path = "salesforce/python.rs"]
mod python;
#[path = "salesforce/queries.rs"]
mod queries;
#[path = "salesforce/rows.rs"]
mod rows;
#[path = "salesforce/tokens.rs"]
mod tokens;
