//! The chart's settings are the programs' own.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use test_deploy::{program, said, settings};

use super::{FILES, PROGRAMS, Pod, Rendered, chart, text};

/// The commands of each program that the chart runs.
const COMMANDS: [(&str, &[&[&str]]); 4] = [
    ("agent", &[&["start"], &["publish"], &["check"]]),
    ("sink-s3", &[&["run"], &["setup"], &["check"], &["compact"], &["verify"]]),
    ("sink-salesforce", &[&["run"], &["setup"], &["check"]]),
    ("web", &[&[]]),
];
/// What all programs read without a word of it in `--help`: the log's settings, and AWS's own.
const READ_BY_LIBRARIES: [&str; 3] = ["LOG_FORMAT", "RUST_LOG", "AWS_SHARED_CREDENTIALS_FILE"];
/// What follows from other values, or is where the chart puts it.
const DECIDED_BY_THE_CHART: [&str; 24] = [
    "AGENT_DRAIN_LIMIT",
    "AGENT_HTTP",
    "AGENT_NAME",
    "AGENT_PUBLISH_DRAIN_LIMIT",
    "AGENT_SPOOL_DIR",
    "LIVEKIT_ALLOW_PLAIN_TEXT",
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_KEY_FILE",
    "LIVEKIT_API_SECRET_FILE",
    "LIVEKIT_PUBLIC_URL",
    "LIVEKIT_URL",
    "LOG_FORMAT",
    "NATS_ALLOW_PLAIN_TEXT",
    "NATS_CA_FILE",
    "NATS_REQUIRE_TLS",
    "NATS_SYNC_INTERVAL",
    "NATS_TLS_FIRST",
    "NATS_URL",
    "SINK_S3_HTTP",
    "SINK_SALESFORCE_HTTP",
    "SINK_SHUTDOWN_GRACE",
    "WEB_HTTP",
    "WEB_OPERATIONS_HTTP",
    // Of `agent publish`: its Job has a limit of its own.
    "AGENT_PUBLISH_LIMIT",
];

/// OpenTelemetry's, which all programs have alike (`traces`).
fn is_of_traces(setting: &str) -> bool {
    setting.starts_with("OTEL_") || setting == "TRACES_ALLOW_PLAIN_TEXT"
}

fn commands(program: &str) -> &'static [&'static [&'static str]] {
    COMMANDS.iter().find(|(name, _)| *name == program).expect("one of our programs").1
}

/// All that a program reads, whatever it is told to do.
fn known(name: &str) -> BTreeSet<String> {
    commands(name).iter().flat_map(|command| settings(&program(name), command)).collect()
}

#[test]
fn every_setting_of_a_program_has_one_place_in_the_values() {
    let schema = std::fs::read_to_string(chart().join("values.schema.json")).expect("read the schema");
    let schema: Value = serde_json::from_str(&schema).expect("a schema");
    for (name, key) in PROGRAMS {
        // Beside those of the program itself, of commands that have values of their own.
        let parts: &[&str] = if name == "sink-s3" {
            &[key, "setup", "compact"]
        } else if name == "sink-salesforce" {
            &[key, "setup"]
        } else {
            &[key]
        };
        let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for part in parts {
            for map in ["settings", "secretFiles", "files"] {
                let names = schema["properties"][part]["properties"][map]["properties"].as_object();
                for setting in names.into_iter().flat_map(|names| names.keys()) {
                    places.entry(setting).or_default().push(format!("{part}.{map}"));
                }
            }
        }
        let known = known(name);
        for (setting, places) in &places {
            let read = known.contains(*setting) || READ_BY_LIBRARIES.contains(setting);
            assert!(read, "{setting} of {places:?} is nothing that {name} reads");
            assert!(
                !DECIDED_BY_THE_CHART.contains(setting),
                "{setting} of {places:?} is the chart's to decide"
            );
            let maps: BTreeSet<_> = places.iter().filter_map(|place| place.split('.').nth(1)).collect();
            assert_eq!(maps.len(), 1, "{setting} is in {places:?}");
        }
        for setting in known.iter().filter(|setting| !is_of_traces(setting)) {
            let in_a_file = format!("{setting}_FILE");
            let has_place = [setting, &in_a_file].iter().any(|name| {
                places.contains_key(name.as_str()) || DECIDED_BY_THE_CHART.contains(&name.as_str())
            });
            assert!(has_place, "{setting} of {name} is missing in values.schema.json ({key})");
        }
    }
}

/// What the programs hide in their help is secret: it is never a value of the chart, which everybody can read.
#[test]
fn no_secret_is_a_setting() {
    let schema = std::fs::read_to_string(chart().join("values.schema.json")).expect("read the schema");
    let schema: Value = serde_json::from_str(&schema).expect("a schema");
    for (name, key) in PROGRAMS {
        let secrets = secrets(name);
        assert!(secrets.contains("NATS_PASSWORD"), "{secrets:?}");
        let settings =
            schema["properties"][key]["properties"]["settings"]["properties"].as_object().expect("settings");
        for setting in settings.keys() {
            assert!(!secrets.contains(setting), "{setting} of {key} is secret");
        }
        for file in FILES {
            for pod in Rendered::of(file).pods().iter().filter(|pod| pod.program() == name) {
                let given: Vec<_> =
                    pod.environment().into_iter().filter(|(name, _)| secrets.contains(*name)).collect();
                // An address, which the schema lets have no password.
                assert!(given.iter().all(|(name, _)| *name == "NATS_URL"), "{}: {given:?}", pod.component());
            }
        }
    }
}

/// The settings whose values a program does not show.
fn secrets(name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for command in commands(name) {
        let output =
            Command::new(program(name)).args(*command).arg("--help").output().expect("start the program");
        for rest in said(&output).split("[env: ").skip(1) {
            let Some((setting, _)) = rest.split_once(']') else { continue };
            if !setting.contains('=') && !is_of_traces(setting) {
                found.insert(setting.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_variable_is_one_that_the_program_reads() {
    for file in FILES {
        let rendered = Rendered::with(
            file,
            &["--set", "agent.tokens.BOOKING_TOKEN.secret=x,agent.tokens.BOOKING_TOKEN.key=y"],
        );
        for pod in rendered.pods() {
            let known = known(pod.program());
            for (name, value) in pod.environment() {
                let of_the_persona = pod.program() == "agent" && name == "BOOKING_TOKEN_FILE";
                let reads = known.contains(name)
                    || is_of_traces(name)
                    || READ_BY_LIBRARIES.contains(&name)
                    || of_the_persona;
                assert!(reads, "{file}: {} is given {name}={value}", pod.component());
            }
        }
    }
}

/// The program itself says so: it reads all that stands before `--help`.
#[test]
fn every_argument_is_one_that_the_program_takes() {
    for file in FILES {
        let rendered = Rendered::with(file, &["--set", "agent.publish={0}"]);
        for pod in rendered.pods() {
            let output = Command::new(program(pod.program())).args(pod.arguments()).arg("--help").output();
            let output = output.expect("start the program");
            assert!(
                output.status.success(),
                "{file}: {} {:?}: {}",
                pod.component(),
                pod.arguments(),
                said(&output)
            );
        }
    }
}

#[test]
fn every_file_that_is_named_is_mounted() {
    let persona = format!(
        "agent.files.AGENT_PERSONA={}",
        test_deploy::repository().join("agent/personas/pandadoc-trial.toml").display()
    );
    for file in FILES {
        let rendered = Rendered::with(file, &["--set-file", &persona]);
        let mut seen = BTreeSet::new();
        for pod in rendered.pods() {
            let named = pod.environment().into_iter().map(|(_, value)| value).chain(pod.arguments());
            for path in named.filter(|value| value.starts_with('/')) {
                seen.insert(path);
                assert!(is_there(&rendered, &pod, path), "{file}: {} has no {path}", pod.component());
            }
        }
        assert!(
            ["/var/lib/postcall", "/etc/postcall/AGENT_PERSONA"].iter().all(|path| seen.contains(path)),
            "{seen:?}"
        );
    }
}

fn is_there(rendered: &Rendered, pod: &Pod<'_>, path: &str) -> bool {
    if pod.volume_at(path).is_some() {
        return true;
    }
    let Some((volume, name)) =
        path.rsplit_once('/').and_then(|(folder, name)| Some((pod.volume_at(folder)?, name)))
    else {
        return false;
    };
    if let Some(map) = volume["configMap"]["name"].as_str() {
        let map = rendered.of_kind("ConfigMap").find(|document| text(&document["metadata"]["name"]) == map);
        return map.is_some_and(|map| map["data"][name].is_string());
    }
    let sources = volume["projected"]["sources"].as_array().into_iter().flatten();
    let items = sources
        .flat_map(|source| ["secret", "configMap"].map(|kind| &source[kind]["items"]))
        .filter_map(Value::as_array);
    items.flatten().any(|item| item["path"] == name)
}

#[test]
fn a_number_stays_as_it_was_written_and_an_object_is_json() {
    let set = "agent.settings.AGENT_MAX_PROMPT_BYTES=8388608,agent.settings.LLM_TEMPERATURE=0.3,agent.settings.LLM_EXTRA_BODY.reasoning_effort=none";
    let rendered = Rendered::with("small", &["--set", set]);
    let agent = rendered.pod("agent");
    assert_eq!(agent.variable("AGENT_MAX_PROMPT_BYTES"), Some("8388608"));
    assert_eq!(agent.variable("LLM_TEMPERATURE"), Some("0.3"));
    assert_eq!(agent.variable("LLM_EXTRA_BODY"), Some(r#"{"reasoning_effort":"none"}"#));
}
