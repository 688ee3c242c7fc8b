//! The units of `deploy/systemd` under a systemd that runs: `tests/deploy/systemd` boots one on a machine of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use test_deploy::{program, repository, said};
use test_servers::{copy_folder, turn_detector_model};

/// What it starts, and how it ends. Where it runs, the machine is its own.
const MORE_UNITS: [(&str, &str); 3] = [
    ("boot.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\nWants=inside.service\n"),
    (
        "inside.service",
        "[Service]\nType=oneshot\nExecStart=/mnt/inside\nStandardOutput=append:/mnt/said\n\
         ExecStopPost=systemctl poweroff --force --force\n",
    ),
    ("postcall-web.service.d/short.conf", "[Service]\nWatchdogSec=2s\nRestartSec=1s\n"),
];

#[test]
#[ignore = "needs to be root: make test-systemd"]
fn systemd_confines_watches_and_stops_the_services() {
    let folder = tempfile::tempdir().expect("make a temporary folder");
    let folder = folder.path();
    install(folder);
    let scripts = repository().join("tests/deploy/systemd");
    fs::copy(scripts.join("inside"), folder.join("inside")).expect("copy what it does");
    let mut boot = Command::new("timeout");
    let output = boot.args(["--signal", "KILL", "120"]).arg(scripts.join("boot")).arg(folder).output();
    let output = said(&output.expect("start timeout"));
    let told = fs::read_to_string(folder.join("said")).unwrap_or_default();
    assert!(told.contains("all is as it should be"), "{told}\n{output}");
}

/// As an operator does, with the settings of the examples.
fn install(folder: &Path) {
    let deploy = repository().join("deploy");
    copy_folder(&deploy.join("systemd"), &folder.join("units")).expect("copy the units");
    for (name, text) in MORE_UNITS {
        let file = folder.join("units").join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("make a folder");
        fs::write(file, text).expect("write a unit");
    }
    let mut keys = Command::new(deploy.join("compose/keys"));
    keys.args(["--owner", "0", "--secrets-only", "--folder"]).arg(folder.join("postcall"));
    let output = keys.output().expect("start keys");
    assert!(output.status.success(), "{}", said(&output));
    for name in ["agent", "web", "sink-s3", "sink-salesforce"] {
        let file = format!("{name}.env");
        fs::copy(deploy.join("systemd").join(&file), folder.join("postcall").join(&file))
            .expect("copy an example");
        link(&program(name), &folder.join("opt/bin").join(name));
    }
    link(&turn_detector_model(), &folder.join("opt/share/smart-turn-v3.2-cpu.onnx"));
}

fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a folder")).expect("make a folder");
    symlink(from.canonicalize().expect("find a file"), to).expect("link a file");
}
