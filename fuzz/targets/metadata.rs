//! Any metadata of a participant.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent::fuzzing::metadata(bytes));
