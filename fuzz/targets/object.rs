//! Any object of the archive.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sink_s3::fuzzing::object(bytes));
