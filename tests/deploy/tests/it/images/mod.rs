//! The images that `make images` has made: what is in them, and that each does its work without a right that it has no use for.
//! `make test-images` runs these.

pub(crate) mod container;
mod contents;
pub(crate) mod servers;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use test_deploy::{repository, said};
use test_servers::{KEY, SECRET, eventually, free_port, http};

use self::container::{Run, new_name, podman};
use self::contents::Contents;
use self::servers::Servers;

const EMAIL: &str = "test@company.com";
const SPOOL: &str = "/var/lib/postcall";

/// Each program, with what its image has beside what all have, and what it listens at.
const IMAGES: [(&str, &[&str], &[&str]); 4] = [
    (
        "agent",
        &["usr/share/postcall/smart-turn-v3.2-cpu.onnx", "usr/share/postcall/smart-turn.LICENSE"],
        &["8081/tcp"],
    ),
    ("web", &["usr/share/postcall/page-sbom.json"], &["3000/tcp", "9103/tcp"]),
    ("sink-s3", &[], &["9101/tcp"]),
    ("sink-salesforce", &[], &["9102/tcp"]),
];

#[test]
#[ignore = "needs the images: make test-images"]
fn an_image_has_its_program_and_no_more() {
    for (program, more, _) in IMAGES {
        let contents = Contents::of(program);
        let file = format!("usr/bin/{program}");
        let mut expected: BTreeSet<&str> = [
            "etc/group",
            "etc/passwd",
            "etc/ssl/certs/ca-certificates.crt",
            "usr/share/postcall/LICENSE",
            "usr/share/postcall/sbom.json",
            &file,
        ]
        .into();
        expected.extend(more);
        let files = contents.entries.keys().map(String::as_str).filter(|name| !name.ends_with('/'));
        assert_eq!(files.collect::<BTreeSet<_>>(), expected, "{program}");
        for (name, mode) in &contents.entries {
            let expected = match name.as_str() {
                "var/lib/postcall/" => "drwx------ 65532/65532",
                name if name == file => "-rwxr-xr-x 0/0",
                name if name.ends_with('/') => "drwxr-xr-x 0/0",
                _ => "-rw-r--r-- 0/0",
            };
            assert_eq!(mode, expected, "{program}: {name}");
        }

        let bill: Value =
            serde_json::from_slice(&contents.read("usr/share/postcall/sbom.json")).expect("JSON");
        assert_eq!(bill["metadata"]["component"]["name"], program);
        let parts: Vec<&Value> = bill["components"].as_array().expect("components").iter().collect();
        assert!(parts.iter().any(|part| part["name"] == "tokio"), "{program}");
        let authorities = contents.read("etc/ssl/certs/ca-certificates.crt");
        let authorities = String::from_utf8(authorities).expect("text").matches("BEGIN CERTIFICATE").count();
        assert!(authorities > 100, "{authorities}");
    }
}

/// Whoever builds the same commit in another folder, or as somebody else, gets the same bytes.
#[test]
#[ignore = "needs the images: make test-images"]
fn a_program_does_not_know_where_it_was_built() {
    let here = repository().canonicalize().expect("find the repository");
    let home = std::env::var("HOME").expect("a home");
    for (program, _, _) in IMAGES {
        let file = Contents::of(program).read(&format!("usr/bin/{program}"));
        for place in [here.to_string_lossy().as_ref(), &format!("{home}/.cargo"), &format!("{home}/.rustup")]
        {
            let position = file.windows(place.len()).position(|bytes| bytes == place.as_bytes());
            let around =
                |at: usize| String::from_utf8_lossy(&file[at..file.len().min(at + 200)]).into_owned();
            assert_eq!(position.map(around), None, "{program}");
        }
    }
}

#[test]
#[ignore = "needs the images: make test-images"]
fn an_image_says_what_it_is_and_runs_as_nobody() {
    for (program, _, ports) in IMAGES {
        let all = Contents::of(program).configuration;
        let configuration = &all["config"];
        assert_eq!(configuration["User"], "65532:65532");
        assert_eq!(configuration["StopSignal"], "SIGTERM");
        assert_eq!(configuration["Entrypoint"], serde_json::json!([format!("/usr/bin/{program}")]));
        assert_eq!(configuration.get("Volumes"), None, "one that nobody named is lost");
        let exposed = configuration["ExposedPorts"].as_object().expect("ports");
        assert_eq!(exposed.keys().collect::<Vec<_>>(), ports);
        let label = |name: &str| {
            configuration["Labels"][format!("org.opencontainers.image.{name}")]
                .as_str()
                .expect(name)
                .to_owned()
        };
        assert_eq!(label("title"), format!("postcall {program}"));
        assert_eq!(label("version"), version());
        assert_eq!(label("licenses"), "Apache-2.0");
        assert_eq!(label("revision").trim_end_matches("-dirty").len(), 40, "{}", label("revision"));
        label("source");
        label("description");

        // What the image sets is a setting of its program.
        let run = Run { program, settings: &[], mounts: &[] };
        let mut arguments: Vec<&str> =
            configuration["Cmd"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        arguments.push("--help");
        let help = run.output(&arguments, 0);
        for variable in configuration["Env"].as_array().expect("variables") {
            let (name, _) = variable.as_str().and_then(|pair| pair.split_once('=')).expect("a pair");
            assert!(name == "PATH" || help.contains(&format!("[env: {name}=")), "{program}: {name}\n{help}");
        }
    }
}

#[test]
#[ignore = "needs the images: make test-images"]
fn an_agent_without_a_volume_does_not_begin_calls_that_it_would_lose() {
    let settings = [
        ("LIVEKIT_URL", "ws://127.0.0.1:9".to_owned()),
        ("AGENT_NAME", "postcall".to_owned()),
        ("LIVEKIT_API_KEY", KEY.to_owned()),
        ("LIVEKIT_API_SECRET", SECRET.to_owned()),
        ("NATS_URL", "nats://127.0.0.1:9".to_owned()),
        ("OPENAI_API_KEY", "none".to_owned()),
    ];
    let said = Run { program: "agent", settings: &settings, mounts: &[] }.output(&[], 1);
    assert!(said.contains("spool") && said.contains("Read-only"), "{said}");
}

/// What `deploy/images/livekit-cloud.Dockerfile` makes of the agent's image and a persona.
#[test]
#[ignore = "needs the images: make test-images"]
fn a_persona_is_added_to_the_agent() {
    let folder = tempfile::tempdir().expect("make a temporary folder");
    let persona = repository().join("agent/personas/pandadoc-trial.toml");
    std::fs::copy(persona, folder.path().join("persona.toml")).expect("copy a persona");
    let name = format!("localhost/{}", new_name());
    let mut build = Command::new("buildah");
    build.args(["build", "--isolation", "chroot", "--pull=never", "--tag", &name]);
    build.args(["--build-arg", &format!("AGENT=localhost/postcall-agent:{}", version()), "--file"]);
    build.arg(repository().join("deploy/images/livekit-cloud.Dockerfile")).arg(folder.path());
    let built = build.output().expect("run buildah");
    assert!(built.status.success(), "{}", said(&built));

    let mut check = podman();
    let checked =
        check.args(["run", "--rm", "--read-only", &name, "check", "/etc/postcall/persona.toml"]).output();
    let removed = podman().args(["rmi", &name]).output().expect("run podman");
    let checked = checked.expect("run podman");
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(removed.status.success(), "{}", said(&removed));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the images: make test-images"]
async fn a_call_passes_through_the_images() {
    let servers = Servers::start().await;
    let ports: Vec<u16> = std::iter::repeat_with(free_port).take(5).collect();
    let operations = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let address = |name: &'static str, port: u16| vec![(name, format!("127.0.0.1:{port}"))];

    let settings =
        [servers.nats_settings(), servers.s3_settings(), address("SINK_S3_HTTP", ports[0])].concat();
    let sink_s3 = Run { program: "sink-s3", settings: &settings, mounts: &[] };
    sink_s3.output(&["setup", "--create-bucket"], 0);
    sink_s3.output(&["check"], 0);

    let settings =
        [servers.nats_settings(), servers.salesforce_settings(), address("SINK_SALESFORCE_HTTP", ports[1])]
            .concat();
    let key = [servers.salesforce_key_mount()];
    let sink_salesforce = Run { program: "sink-salesforce", settings: &settings, mounts: &key };
    sink_salesforce.output(&["setup"], 0);
    sink_salesforce.output(&["check"], 0);

    let settings =
        [servers.nats_settings(), servers.agent_settings(), address("AGENT_HTTP", ports[2])].concat();
    let volume = Volume::new();
    let spool = [format!("{}:{SPOOL}", volume.0)];
    let agent = Run { program: "agent", settings: &settings, mounts: &spool };

    let addresses = [address("WEB_HTTP", ports[3]), address("WEB_OPERATIONS_HTTP", ports[4])].concat();
    let settings = [servers.livekit_settings(), addresses].concat();
    let web = Run { program: "web", settings: &settings, mounts: &[] };

    let containers = [sink_s3, sink_salesforce, agent, web].map(Run::start);
    for port in [ports[0], ports[1], ports[2], ports[4]] {
        http::readyz(operations(port), 200, "").await;
    }
    for (container, writable) in containers.iter().zip([vec![], vec![], vec![SPOOL], vec![]]) {
        container.assert_confined(&writable);
    }

    let (_, page) = http::get(operations(ports[3]), "/").await.expect("ask for the page");
    assert!(page.contains("</html>"), "{page}");
    assert_eq!(
        connection_details(ports[3])["participantToken"].as_str().expect("a token").split('.').count(),
        3
    );

    let room = new_name();
    servers.call(&room, EMAIL);
    eventually("the session is archived", async || servers.archive().await.contains(&room)).await;
    eventually("the Lead shows the session", async || servers.leads().await.contains(&room)).await;

    for container in containers {
        assert_eq!(container.stop(), Some(0));
    }
}

/// A volume of podman's, which takes its owner from the image's folder; it is removed when this is dropped.
struct Volume(String);

impl Volume {
    fn new() -> Self {
        let name = new_name();
        let made = podman().args(["volume", "create", &name]).output().expect("run podman");
        assert!(made.status.success(), "{}", said(&made));
        Self(name)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        drop(podman().args(["volume", "rm", "--force", &self.0]).output());
    }
}

/// What the page asks for when a visitor starts a call.
fn connection_details(port: u16) -> Value {
    let url = format!("http://127.0.0.1:{port}/api/connection-details");
    let body = format!("{{\"user_email\":\"{EMAIL}\"}}");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--json", &body, &url]);
    let answer = curl.output().expect("run curl");
    assert!(answer.status.success(), "{}", said(&answer));
    serde_json::from_slice(&answer.stdout).expect("read connection details")
}

/// The version of the programs.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
