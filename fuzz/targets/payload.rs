//! Any payload.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schemas::fuzzing::payload(bytes));
