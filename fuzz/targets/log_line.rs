//! Any text in a line of the log.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| service::fuzzing::log_line(bytes));
