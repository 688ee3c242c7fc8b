//! Tests that measure or change their whole process: each runs in one of its own.

use std::ffi::OsStr;
use std::process::Command;

/// Runs the test of this name, which is ignored otherwise, in a process of its own.
pub(crate) fn run(test: &str) {
    run_with::<&str>(test, &[]);
}

/// Like [`run`], with changes to the environment.
pub(crate) fn run_with<V: AsRef<OsStr>>(test: &str, environment: &[(&str, V)]) {
    let program = std::env::current_exe().expect("find the test program");
    let status = Command::new(program)
        .args([test, "--exact", "--ignored", "--nocapture"])
        // What was measured is worth reading.
        .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "it=info".to_owned()))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .status()
        .expect("start the test program");
    assert!(status.success(), "{test} failed");
}
