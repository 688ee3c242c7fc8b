//! Any audio packets at any time.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| libwebrtc::fuzzing::jitter_buffer(bytes));
