//! Any request for a token.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| web::fuzzing::token_request(bytes));
