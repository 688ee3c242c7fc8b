//! Any texts of recognisers and voices.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent::fuzzing::service_texts(bytes));
