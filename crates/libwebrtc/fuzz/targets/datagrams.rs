//! Any datagrams for a connection.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| libwebrtc::fuzzing::datagrams(bytes));
