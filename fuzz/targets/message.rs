//! Any message of the stream, and its dead letter.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sink::fuzzing::message(bytes));
