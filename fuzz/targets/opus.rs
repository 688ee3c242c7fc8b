//! Any Opus packets, of which some are lost.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| libwebrtc::fuzzing::opus(bytes));
