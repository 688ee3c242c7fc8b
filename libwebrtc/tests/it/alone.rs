//! Tests that measure their whole process: each runs in one of its own.

use std::process::Command;

/// Runs the test of this name, which is ignored otherwise, in a process of its own.
pub(crate) fn run(test: &str) {
    let program = std::env::current_exe().expect("find the test program");
    let status = Command::new(program)
        .args([test, "--exact", "--ignored", "--nocapture"])
        .status()
        .expect("start the test program");
    assert!(status.success(), "{test} failed");
}
