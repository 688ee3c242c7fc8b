//! Any persona, and any arguments of a model for its signals.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent::fuzzing::persona(bytes));
