//! Settings in files, held against what the programs' `--help` says of them.

use std::process::Command;
use std::time::Duration;

use test_deploy::{program, said, settings};

/// Read by a library and not by us: the place of AWS's own file with keys.
const OF_LIBRARIES: [&str; 1] = ["AWS_SHARED_CREDENTIALS_FILE"];

/// The lines `NAME=value` of a file with settings, and those that are examples in a comment, without a space behind the `#`.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
    let named = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let pairs = lines.filter_map(|line| line.split_once('=')).filter(|(name, _)| named(name));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Whether each is a setting of one of these commands, and none is a secret's value.
pub(crate) fn assert_settings(whose: &str, commands: &[&[&str]], pairs: &[(String, String)]) {
    let known: Vec<String> = commands.iter().flat_map(|command| settings_of(command)).collect();
    let secret: Vec<String> = commands.iter().flat_map(|command| hidden(command)).collect();
    assert!(!known.is_empty() && !secret.is_empty(), "{commands:?} explain themselves");
    for (name, value) in pairs {
        assert!(
            known.contains(name) || OF_LIBRARIES.contains(&name.as_str()),
            "{whose}: {name} is no setting of {commands:?}"
        );
        // An address of NATS is hidden because it may have a password.
        let is_told = secret.contains(name) && (name != "NATS_URL" || value.contains('@'));
        assert!(!is_told, "{whose}: the value of {name} is a secret, which has a file of its own");
        let is_key = value.contains("PRIVATE KEY") || value.starts_with("SU");
        assert!(!is_key, "{whose}: {name} holds a key");
    }
}

/// A command as `["sink-s3", "run"]`.
fn settings_of(command: &[&str]) -> Vec<String> {
    settings(&program(command[0]), &command[1..])
}

/// The settings whose values `--help` does not show: `[env: NAME]` in the place of `[env: NAME=…]`.
fn hidden(command: &[&str]) -> Vec<String> {
    let text = help(command);
    let names = text.split("[env: ").skip(1).filter_map(|rest| rest.split(']').next());
    names.filter(|name| !name.contains('=')).map(str::to_owned).collect()
}

/// The default of a setting that is a time.
pub(crate) fn default_time(command: &[&str], name: &str) -> Duration {
    let text = help(command);
    let (_, rest) =
        text.split_once(&format!("[env: {name}=")).unwrap_or_else(|| panic!("{name} is no setting"));
    let default = rest.split_once("[default: ").and_then(|(_, rest)| rest.split(']').next());
    time(default.unwrap_or_else(|| panic!("{name} has no default")))
}

/// Such as `31min`, `30m` or `30s`.
pub(crate) fn time(text: &str) -> Duration {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().unwrap_or_else(|_| panic!("{text} is no time"));
    Duration::from_secs(match &text[digits.len()..] {
        "s" => number,
        "m" | "min" => number * 60,
        "h" => number * 3600,
        unit => panic!("{unit} is no unit of time"),
    })
}

/// How long a program may take to end after SIGTERM, by its settings: what it waits for, and what comes after that.
pub(crate) fn time_to_stop(name: &str) -> Duration {
    match name {
        "agent" => {
            let waits = ["AGENT_DRAIN_LIMIT", "AGENT_PUBLISH_DRAIN_LIMIT"];
            let waits: Duration = waits.map(|name| default_time(&["agent", "start"], name)).iter().sum();
            // To leave the rooms, and to end.
            waits + Duration::from_secs(15 + 3)
        }
        // For the answers under way.
        "web" => Duration::from_secs(5 + 3),
        sink => {
            let grace = default_time(&[sink, "run"], "SINK_SHUTDOWN_GRACE");
            // For the last acknowledgements, and to end.
            grace + Duration::from_secs(2 + 3)
        }
    }
}

fn help(command: &[&str]) -> String {
    let output = Command::new(program(command[0])).args(&command[1..]).arg("--help").output();
    said(&output.expect("start the program"))
}

/// As a compose file leaves one that nobody gave it.
#[test]
fn a_variable_that_is_empty_is_not_set() {
    for command in [&["agent", "start"][..], &["web"], &["sink-s3", "run"], &["sink-salesforce", "run"]] {
        let refused = |environment: &[(String, String)]| {
            let mut started = Command::new(program(command[0]));
            started.args(&command[1..]).env_clear().envs(environment.iter().cloned());
            let output = started.output().expect("start the program");
            assert_eq!(output.status.code(), Some(2), "{command:?} needs settings: {}", said(&output));
            said(&output)
        };
        let empty: Vec<_> = settings_of(command).into_iter().map(|name| (name, String::new())).collect();
        assert_eq!(refused(&empty), refused(&[]), "{command:?}");
    }
}
