//! The compose file of `deploy/compose`, read as compose reads it, and run.

mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use test_deploy::{repository, said, tool, yaml_documents};
use test_servers::{NatsUser, Process, eventually, free_port};

use self::machine::Machine;
use crate::settings::{assert_settings, pairs, time, time_to_stop};

/// Each service with a program of ours, and its command.
const OURS: [(&str, &[&str]); 6] = [
    ("agent", &["agent", "start"]),
    ("web", &["web"]),
    ("sink-s3", &["sink-s3", "run"]),
    ("sink-salesforce", &["sink-salesforce", "run"]),
    ("setup-sink-s3", &["sink-s3", "setup"]),
    ("setup-sink-salesforce", &["sink-salesforce", "setup"]),
];

#[test]
fn the_schema_of_compose_files_takes_it() {
    let mut check = Command::new(tool("deploy/bin/check-jsonschema"));
    check.args(["--builtin-schema", "vendor.compose-spec"]).arg(folder().join("compose.yaml"));
    let output = check.output().expect("start check-jsonschema");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_container_runs_its_program_with_settings_that_it_has() {
    let compose = compose();
    for (service, command) in OURS {
        let service = &compose["services"][service];
        let image =
            format!("${{POSTCALL_IMAGES:-postcall-}}{}:${{POSTCALL_VERSION:-{}}}", command[0], version());
        assert_eq!(service["image"], image.as_str());
        let arguments = service["command"].as_array().into_iter().flatten().filter_map(Value::as_str);
        assert!(arguments.take(1).eq(command.iter().copied().skip(1)), "{command:?}");
        let environment = service["environment"].as_object().expect("an environment");
        let environment = environment.iter().map(|(name, value)| (name.clone(), text(value)));
        assert_settings(&format!("{command:?}"), &[command], &environment.collect::<Vec<_>>());
    }
    let example = fs::read_to_string(folder().join("agent.env.example")).expect("read the example");
    assert_settings("agent.env.example", &[&["agent", "start"]], &pairs(&example));
}

/// A variable that nobody sets, or one that nothing reads.
#[test]
fn what_the_file_asks_for_is_in_the_example() {
    let text = fs::read_to_string(folder().join("compose.yaml")).expect("read the compose file");
    let name = |rest: &str| rest.split([':', '-', '}']).next().unwrap_or_default().to_owned();
    let asked: BTreeSet<String> = text.split("${").skip(1).map(name).collect();
    let example = fs::read_to_string(folder().join(".env.example")).expect("read the example");
    let given = pairs(&example).into_iter().map(|(name, _)| name).filter(|name| name != "COMPOSE_PROFILES");
    assert_eq!(asked, given.collect::<BTreeSet<_>>());
}

#[test]
fn a_container_has_the_secrets_that_its_settings_name() {
    let compose = compose();
    let services = compose["services"].as_object().expect("services");
    let mut all = BTreeSet::new();
    for (name, service) in services {
        let given: BTreeSet<&str> =
            service["secrets"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut told = service.clone();
        told.as_object_mut().expect("a service").remove("secrets");
        let mut told = told.to_string();
        if name == "agent" {
            told += &fs::read_to_string(folder().join("agent.env.example")).expect("read the example");
        }
        let end = |c: char| !(c.is_ascii_alphanumeric() || "-._".contains(c));
        let named = told.split("/run/secrets/").skip(1).filter_map(|rest| rest.split(end).next());
        assert_eq!(named.collect::<BTreeSet<_>>(), given, "{name}");
        all.extend(given);
    }
    let there = compose["secrets"].as_object().expect("secrets");
    assert_eq!(there.keys().map(String::as_str).collect::<BTreeSet<_>>(), all);
}

#[test]
fn a_container_is_given_the_time_that_its_program_takes_to_stop() {
    let compose = compose();
    for (service, command) in OURS.into_iter().filter(|(service, _)| !service.starts_with("setup")) {
        let grace = text(&compose["services"][service]["stop_grace_period"]);
        assert!(time(&grace) >= time_to_stop(command[0]), "{service}: {grace}");
    }
}

#[test]
fn every_key_is_made_once_for_its_owner_alone() {
    let keys = Keys::make();
    let secrets = compose()["secrets"].as_object().expect("secrets").clone();
    let files = secrets.values().map(|secret| keys.folder.path().join(text(&secret["file"])));
    let files: Vec<PathBuf> = files.chain([keys.folder.path().join("secrets/nats.env")]).collect();
    let read = || files.iter().map(|file| (file, fs::read(file).expect("read a secret")));
    let before: BTreeMap<_, _> = read().collect();
    for file in &files {
        let mode = fs::metadata(file).expect("look at a secret").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    keys.make_again();
    assert_eq!(read().collect::<BTreeMap<_, _>>(), before);
}

#[tokio::test]
async fn nats_lets_in_whoever_has_a_key() {
    let keys = Keys::make();
    let [port, monitor] = [free_port(), free_port()];
    let data = keys.folder.path().join("data/nats").display().to_string();
    let configuration = fs::read_to_string(folder().join("nats.conf")).expect("read nats.conf");
    let configuration = configuration
        .replace("127.0.0.1:4222", &format!("127.0.0.1:{port}"))
        .replace("127.0.0.1:8222", &format!("127.0.0.1:{monitor}"))
        .replace("\"/data\"", &format!("{data:?}"));
    let file = keys.folder.path().join("nats.conf");
    fs::write(&file, configuration).expect("write nats.conf");
    fs::copy(repository().join("deploy/nats/users.conf"), keys.folder.path().join("users.conf"))
        .expect("copy the users");
    let environment = pairs(&keys.read("nats.env"));
    let mut server = Command::new(tool("bin/nats-server"));
    server.arg("--config").arg(&file).envs(environment).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = Process::start(&mut server).expect("start nats-server");
    let url = format!("nats://127.0.0.1:{port}");
    eventually("nats-server listens", async || {
        assert!(server.ended().expect("look at nats-server").is_none(), "nats-server has ended");
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
    })
    .await;
    for user in NatsUser::ALL {
        let seed = keys.read(&format!("{}.nk", user.name()));
        let connected = async_nats::ConnectOptions::with_nkey(seed).connect(&url).await;
        assert!(connected.is_ok(), "{}: {connected:?}", user.name());
    }
    let (user, password) = ("operator".to_owned(), keys.read("nats-operator-password"));
    async_nats::ConnectOptions::with_user_and_password(user, password).connect(&url).await.expect("operator");
    assert!(async_nats::connect(&url).await.is_err(), "nobody else is let in");
}

#[test]
fn livekit_takes_its_configuration_and_keys() {
    let keys = Keys::make();
    let mut server = Command::new(tool("bin/livekit-server"));
    server.arg("--config").arg(folder().join("livekit.yaml"));
    server.arg("--key-file").arg(keys.folder.path().join("secrets/livekit-keys")).arg("ports");
    let output = server.output().expect("start livekit-server");
    let said = said(&output);
    assert!(output.status.success() && said.contains("7882"), "{said}");
}

/// All of it, with a call from the browser's side to the archive and the Lead.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the images, and to be root: make test-compose"]
async fn a_call_comes_through_on_one_machine() {
    let machine = Machine::start().await;
    machine.ready("sink-s3", 9101).await;
    machine.ready("sink-salesforce", 9102).await;
    machine.ready("web", 9103).await;
    machine.ready("agent", 8081).await;
    machine.call();
    machine.came_through().await;
    for (service, _) in OURS {
        machine.assert_confined(service);
    }
    machine.stop();
    for (service, _) in OURS {
        assert_eq!(
            machine.inspect(service, "{{.State.ExitCode}}"),
            "0",
            "{service}: {}",
            machine.log(service)
        );
    }
}

/// What `keys` makes, for whoever runs the test.
struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    fn make() -> Self {
        let keys = Self { folder: tempfile::tempdir().expect("make a temporary folder") };
        keys.make_again();
        keys
    }

    fn make_again(&self) {
        let owner = fs::metadata(self.folder.path()).expect("look at the folder").uid().to_string();
        let mut make = Command::new(folder().join("keys"));
        make.args(["--owner", &owner, "--folder"]).arg(self.folder.path());
        let output = make.env_remove("POSTCALL_DATA").output().expect("start deploy/compose/keys");
        assert!(output.status.success(), "{}", said(&output));
    }

    fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.path().join("secrets").join(name)).expect("read a secret");
        text.trim().to_owned()
    }
}

fn compose() -> Value {
    let text = fs::read_to_string(folder().join("compose.yaml")).expect("read the compose file");
    yaml_documents(&text).remove(0)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The version that is built.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn folder() -> PathBuf {
    Path::new(&repository()).join("deploy/compose")
}
