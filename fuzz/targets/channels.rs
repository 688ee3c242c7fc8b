//! Any chunks of SCTP from a peer whose connection is open.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| libwebrtc::fuzzing::channels(bytes));
