//! Any sound of a voice.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent::fuzzing::sound(bytes));
