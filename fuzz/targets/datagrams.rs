//! Any datagrams for a connection that is not open yet.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| libwebrtc::fuzzing::datagrams(bytes));
