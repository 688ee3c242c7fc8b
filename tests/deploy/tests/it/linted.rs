//! What other people's linters say of Dockerfiles and workflows.

use std::path::PathBuf;
use std::process::{Command, Output};

use test_deploy::{repository, said, tool};

const HADOLINT: &str = "deploy/bin/hadolint";
const SCHEMA: [&str; 3] = ["deploy/bin/check-jsonschema", "--builtin-schema", "vendor.github-workflows"];
const ACTIONLINT: [&str; 3] = ["deploy/bin/actionlint", "-shellcheck=", "-pyflakes="];
const ZIZMOR: [&str; 3] = ["deploy/bin/zizmor", "--offline", "--quiet"];

#[test]
fn the_dockerfiles_are_clean() {
    let files = files("deploy/images", "Dockerfile");
    assert_eq!(files.len(), 2, "{files:?}");
    clean(&[HADOLINT], &files);
}

#[test]
fn the_workflows_are_clean() {
    let files = files(".github/workflows", "yml");
    assert_eq!(files.len(), 3, "{files:?}");
    for linter in [SCHEMA, ACTIONLINT, ZIZMOR] {
        clean(&linter, &files);
    }
}

/// A linter that finds nothing in a bad file would find nothing in ours, either.
#[test]
fn the_linters_find_what_is_wrong() {
    let folder = tempfile::tempdir().expect("make a temporary folder");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("write a file");
        vec![file]
    };
    let unpinned = write("Dockerfile", "FROM debian\nRUN cd /tmp\n");
    for finding in ["DL3006", "DL3003"] {
        found(&[HADOLINT], &unpinned, finding);
    }
    let workflow = |job: &str| format!("on: push\npermissions: {{}}\njobs:\n  job:\n{job}");
    let misspelt = workflow("    run-on: ubuntu-24.04\n    steps: [{run: 'true'}]\n");
    found(&SCHEMA, &write("misspelt.yml", &misspelt), "run-on");
    let unknown = workflow("    runs-on: ubuntu-24.04\n    steps: [{run: 'echo ${{ githob.sha }}'}]\n");
    found(&ACTIONLINT, &write("unknown.yml", &unknown), "githob");
    let injected =
        workflow("    runs-on: ubuntu-24.04\n    steps: [{run: 'echo ${{ github.event.issue.title }}'}]\n");
    found(&ZIZMOR, &write("injected.yml", &injected), "template-injection");
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(repository().join(folder)).expect("read a folder");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("read a folder").path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(ending));
    files.sort();
    files
}

fn clean(linter: &[&str], files: &[PathBuf]) {
    let output = lint(linter, files);
    assert!(output.status.success(), "{linter:?}:\n{}", said(&output));
}

fn found(linter: &[&str], files: &[PathBuf], finding: &str) {
    let output = lint(linter, files);
    assert!(!output.status.success() && said(&output).contains(finding), "{linter:?}:\n{}", said(&output));
}

fn lint(linter: &[&str], files: &[PathBuf]) -> Output {
    let mut command = Command::new(tool(linter[0]));
    command.args(&linter[1..]).args(files);
    command.output().expect("run a linter")
}
