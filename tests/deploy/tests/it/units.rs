//! The units of `deploy/systemd`, as systemd reads them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use test_deploy::{repository, said};
use test_servers::copy_folder;

use crate::settings::{assert_settings, pairs, time, time_to_stop};

/// Each service, the commands that have the settings of its files, and the file that its operator writes.
const SERVICES: [(&str, &[&[&str]], &str); 6] = [
    ("postcall-agent@.service", &[&["agent", "start"]], "agent.env"),
    ("postcall-web.service", &[&["web"]], "web.env"),
    ("postcall-sink-s3.service", &[&["sink-s3", "run"]], "sink-s3.env"),
    ("postcall-sink-salesforce.service", &[&["sink-salesforce", "run"]], "sink-salesforce.env"),
    ("postcall-compact.service", &[&["sink-s3", "compact"], &["sink-s3", "run"]], "sink-s3.env"),
    ("postcall-verify.service", &[&["sink-s3", "verify"], &["sink-s3", "run"]], "sink-s3.env"),
];

#[test]
fn systemd_has_nothing_to_say_about_them() {
    for optional in [false, true] {
        let folder = installed(optional);
        let mut verify = Command::new("systemd-analyze");
        verify.arg("verify").args(units(folder.path()));
        let output = verify.output().expect("start systemd-analyze: run «make tools»");
        // A key that it does not know is told, and no error.
        assert_eq!(said(&output), "");
        assert!(output.status.success());
    }
}

#[test]
fn each_service_is_confined() {
    let folder = installed(true);
    for (service, _, _) in SERVICES {
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--offline=true", "--threshold=20"]).arg(folder.path().join(service));
        let output = security.output().expect("start systemd-analyze: run «make tools»");
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn all_services_are_looked_at() {
    let there = units(&folder()).into_iter().filter_map(|unit| {
        let name = unit.file_name()?.to_string_lossy().into_owned();
        name.ends_with(".service").then_some(name)
    });
    let known = SERVICES.map(|(service, _, _)| service.to_owned());
    assert_eq!(there.collect::<BTreeSet<_>>(), BTreeSet::from(known));
}

#[test]
fn a_service_starts_its_program_with_settings_that_it_has() {
    for (service, commands, file) in SERVICES {
        let unit = Unit::read(&folder().join(service));
        let start = format!("/opt/postcall/bin/{}", commands[0].join(" "));
        assert!(unit.one("ExecStart").contains(&start), "{service}");
        assert_eq!(unit.all("EnvironmentFile").first(), Some(&format!("/etc/postcall/{file}").as_str()));
        let written = fs::read_to_string(folder().join(file)).expect("read the settings");
        assert_settings(file, commands, &pairs(&written));
        assert_settings(service, commands, &unit.environment());
        for more in optional(service) {
            assert_settings(&more.name, commands, &more.environment());
        }
    }
}

#[test]
fn a_secret_is_a_credential_that_its_setting_names() {
    for (service, _, _) in SERVICES {
        let unit = Unit::read(&folder().join(service));
        let alone = Unit { name: service.to_owned(), lines: Vec::new() };
        for more in optional(service).into_iter().chain([alone]) {
            // An empty one begins the list anew.
            let resets = more.all("LoadCredential").contains(&"");
            let loaded = more.all("LoadCredential").into_iter();
            let loaded = loaded.chain(if resets { Vec::new() } else { unit.all("LoadCredential") });
            let loaded: BTreeSet<String> = loaded.filter(|line| !line.is_empty()).map(credential).collect();
            let unset = more.all("UnsetEnvironment");
            let environment = unit.environment().into_iter().chain(more.environment());
            let named = environment.filter(|(name, _)| !unset.contains(&name.as_str())).filter_map(
                |(name, value)| {
                    let credential = value.strip_prefix("%d/")?.to_owned();
                    assert!(name.ends_with("_FILE"), "{service}: {name} is a file");
                    Some(credential)
                },
            );
            assert_eq!(named.collect::<BTreeSet<_>>(), loaded, "{service} with {}", more.name);
        }
    }
}

#[test]
fn a_service_is_given_the_time_that_its_program_takes_to_stop() {
    for (service, commands, _) in SERVICES.into_iter().filter(|(_, commands, _)| commands.len() == 1) {
        let unit = Unit::read(&folder().join(service));
        let needed = time_to_stop(commands[0][0]);
        assert!(time(unit.one("TimeoutStopSec")) >= needed, "{service}: {needed:?} at least");
        // Watched from the start to the end, and started again whatever it ended by.
        assert_eq!(["Type", "Restart"].map(|key| unit.one(key)), ["notify", "always"], "{service}");
        unit.one("WatchdogSec");
    }
}

#[test]
fn whatever_a_timer_starts_is_there() {
    let timers: Vec<_> =
        units(&folder()).into_iter().filter(|unit| unit.extension() == Some("timer".as_ref())).collect();
    assert!(!timers.is_empty());
    for timer in timers {
        let unit = Unit::read(&timer.with_extension("service"));
        assert_eq!(unit.one("Type"), "oneshot");
        let mut calendar = Command::new("systemd-analyze");
        calendar.args(["calendar", Unit::read(&timer).one("OnCalendar")]);
        let output = calendar.output().expect("start systemd-analyze: run «make tools»");
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// The assignments of a unit, or of a file that adds to one.
struct Unit {
    name: String,
    lines: Vec<(String, String)>,
}

impl Unit {
    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let lines =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        let lines = lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { name: file.display().to_string(), lines }
    }

    fn all(&self, key: &str) -> Vec<&str> {
        self.lines.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, key: &str) -> &str {
        let all = self.all(key);
        assert_eq!(all.len(), 1, "{}: {key}", self.name);
        all[0]
    }

    fn environment(&self) -> Vec<(String, String)> {
        let all = self.all("Environment").join("\n").replace('"', "");
        pairs(&all)
    }
}

/// What a service is given where its operator wants it.
fn optional(service: &str) -> Vec<Unit> {
    let folder = folder().join("optional").join(format!("{service}.d"));
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| Unit::read(&file.expect("read the folder").path())).collect()
}

/// `nats-nkey` of `nats-nkey:/etc/postcall/secrets/agent.nk`.
fn credential(line: &str) -> String {
    let (name, file) = line.split_once(':').unwrap_or_else(|| panic!("{line} names no file"));
    assert!(file.starts_with("/etc/postcall/secrets/"), "{line}");
    name.to_owned()
}

/// The units as an operator puts them into systemd's folder, and a program that is there in the place of ours.
fn installed(optional: bool) -> TempDir {
    let installed = tempfile::tempdir().expect("make a temporary folder");
    copy_folder(&folder(), installed.path()).expect("copy the units");
    if optional {
        copy_folder(&folder().join("optional"), installed.path()).expect("copy what adds to them");
    }
    for unit in units(installed.path()) {
        let text = fs::read_to_string(&unit).expect("read a unit");
        let start = |line: &str| match line.strip_prefix("ExecStart=/opt/") {
            Some(_) => "ExecStart=/bin/true".to_owned(),
            None => line.to_owned(),
        };
        let text: Vec<String> = text.lines().map(start).collect();
        fs::write(&unit, text.join("\n")).expect("write a unit");
    }
    installed
}

/// The services and timers of a folder.
fn units(folder: &Path) -> Vec<PathBuf> {
    let files =
        fs::read_dir(folder).expect("read the folder").map(|file| file.expect("read the folder").path());
    files
        .filter(|file| matches!(file.extension().and_then(|end| end.to_str()), Some("service" | "timer")))
        .collect()
}

fn folder() -> PathBuf {
    repository().join("deploy/systemd")
}
