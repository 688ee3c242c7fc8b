//! Any text for an offer, and what is answered.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| libwebrtc::fuzzing::description(bytes));
