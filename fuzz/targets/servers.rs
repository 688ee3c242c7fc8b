//! Any answers of STUN and TURN servers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| libwebrtc::fuzzing::servers(bytes));
