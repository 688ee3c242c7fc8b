//! Any configuration of the page.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| web::fuzzing::page_configuration(bytes));
