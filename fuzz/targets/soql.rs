//! Any texts in a statement.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sink_salesforce::fuzzing::soql(bytes));
