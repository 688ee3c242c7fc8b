//! The files of `deploy/`, and the tools that look at them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
pub use test_servers::workspace as repository;

/// A tool that `make tools` has installed into `.tools/NAME`, such as `deploy/bin/helm`.
///
/// # Panics
/// When it is not there, with what to do.
pub fn tool(path: &str) -> PathBuf {
    let tool = test_servers::tool(path);
    assert!(tool.exists(), "{} is not there: run «make tools»", tool.display());
    tool
}

/// One of our own programs, beside the running test.
///
/// # Panics
/// When it is not built, with what to do.
pub fn program(name: &str) -> PathBuf {
    test_servers::built_program(name).unwrap_or_else(|error| panic!("{error}"))
}

/// The environment variables that a command of one of our programs has, as its `--help` says them.
///
/// # Panics
/// When the program is not built or does not explain itself.
pub fn settings(program: &Path, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(program).args(arguments).arg("--help").output().expect("start the program");
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    let names = text.split("[env: ").skip(1).filter_map(|rest| rest.split([']', '=']).next());
    names.map(str::to_owned).collect()
}

/// All that a command has printed.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The documents of a YAML text.
///
/// # Panics
/// When it is not YAML.
pub fn yaml_documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
