//! Any data packets of a participant.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent::fuzzing::data_packets(bytes));
