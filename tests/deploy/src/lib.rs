//! The files of `deploy/`, and the tools that look at them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The repository's folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A tool that `make tools` has installed into `.tools/NAME`, such as `deploy/bin/helm`.
///
/// # Panics
/// When it is not there, with what to do.
pub fn tool(path: &str) -> PathBuf {
    let tools = std::env::var_os("POSTCALL_TOOLS").map_or_else(|| repository().join(".tools"), PathBuf::from);
    let tool = tools.join(path);
    assert!(tool.exists(), "{} is not there: run «make tools»", tool.display());
    tool
}

/// One of our own programs, beside the running test.
///
/// # Panics
/// When it is not built, with what to do.
pub fn program(name: &str) -> PathBuf {
    let running = std::env::current_exe().expect("find the running program");
    let found = running.ancestors().skip(1).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: run «cargo build --workspace --bins»"))
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
