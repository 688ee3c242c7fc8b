//! What a release says of itself.

use std::process::{Command, Output};

use test_deploy::{repository, said};

#[test]
fn a_version_has_its_own_notes() {
    let version = env!("CARGO_PKG_VERSION");
    let output = notes(version);
    assert!(output.status.success(), "{}", said(&output));
    let headings: Vec<String> =
        said(&output).lines().filter(|line| line.starts_with("## ")).map(str::to_owned).collect();
    assert!(headings.len() == 1 && headings[0].contains(version), "{headings:?}");
}

#[test]
fn a_version_without_notes_is_not_released() {
    for version in ["99.0.0", "0", "Unreleased"] {
        assert!(!notes(version).status.success(), "{version}");
    }
}

fn notes(version: &str) -> Output {
    Command::new(repository().join(".ci/notes")).arg(version).output().expect("run .ci/notes")
}
