//! Any recording from before the agent was there.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent::fuzzing::recording(bytes));
