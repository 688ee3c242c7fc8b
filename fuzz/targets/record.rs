//! Any payload for a Lead, and any Lead.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sink_salesforce::fuzzing::record(bytes));
