//! Any field map.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sink_salesforce::fuzzing::field_map(bytes));
