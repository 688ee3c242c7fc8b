//! Any words, with an address in them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent::fuzzing::redaction(bytes));
