//! Any answers of an org.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sink_salesforce::fuzzing::answers(bytes));
