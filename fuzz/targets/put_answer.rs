//! Any answer of the store.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sink_s3::fuzzing::put_answer(bytes));
