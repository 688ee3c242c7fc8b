//! Any text for an e-mail address.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schemas::fuzzing::email(bytes));
