//! What the programs need around them, with the settings that say so.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;
use test_deploy::{program, repository, said};
use test_servers::{
    KEY, Listening, LiveKitServer, NatsServer, Process, SEAWEEDFS_PORTS, SECRET, eventually, free_port_with,
    http, seaweedfs_arguments, seaweedfs_keys, tool,
};

const BUCKET: &str = "sessions";
const AGENT_NAME: &str = "postcall";
const INFERENCE_KEY: &str = "devproject";
const SALESFORCE_KEY: &str = "/run/secrets/salesforce.pem";
const SALESFORCE_CLIENT: &str = "postcall-dev";
const SALESFORCE_USER: &str = "integration@postcall.example";

type Settings = Vec<(&'static str, String)>;

pub(crate) struct Servers {
    livekit: LiveKitServer,
    nats: NatsServer,
    salesforce: Listening,
    services: Listening,
    _s3: Process,
    s3_port: u16,
    folder: TempDir,
}

impl Servers {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("make a temporary folder");
        make_key(&folder);
        let mut livekit = LiveKitServer::spawn();
        let nats = NatsServer::start().await;
        let s3_port = free_port_with(&SEAWEEDFS_PORTS);
        let s3 = start_s3(&folder, s3_port);
        let salesforce = start_salesforce(&folder);
        let services = start_services();
        eventually("livekit-server answers", async || livekit.answers()).await;
        let address = ([127, 0, 0, 1], s3_port).into();
        eventually("SeaweedFS answers", async || {
            http::get(address, "/healthz").await.is_some_and(|(status, _)| status == 200)
        })
        .await;
        Self { livekit, nats, salesforce, services, _s3: s3, s3_port, folder }
    }

    pub(crate) fn livekit_settings(&self) -> Settings {
        vec![
            ("LIVEKIT_URL", self.livekit.url()),
            ("LIVEKIT_API_KEY", KEY.to_owned()),
            ("LIVEKIT_API_SECRET", SECRET.to_owned()),
            ("AGENT_NAME", AGENT_NAME.to_owned()),
        ]
    }

    pub(crate) fn nats_settings(&self) -> Settings {
        vec![("NATS_URL", self.nats.url())]
    }

    pub(crate) fn agent_settings(&self) -> Settings {
        let mut settings = self.livekit_settings();
        settings.extend([
            ("LIVEKIT_INFERENCE_URL", format!("http://{}/v1", self.services.address())),
            ("LIVEKIT_INFERENCE_API_KEY", INFERENCE_KEY.to_owned()),
            ("LIVEKIT_INFERENCE_API_SECRET", SECRET.to_owned()),
        ]);
        settings
    }

    pub(crate) fn s3_settings(&self) -> Settings {
        vec![
            ("S3_ENDPOINT", format!("http://127.0.0.1:{}", self.s3_port)),
            ("S3_BUCKET", BUCKET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    pub(crate) fn salesforce_settings(&self) -> Settings {
        vec![
            ("SALESFORCE_URL", format!("http://{}", self.salesforce.address())),
            ("SALESFORCE_CLIENT_ID", SALESFORCE_CLIENT.to_owned()),
            ("SALESFORCE_USERNAME", SALESFORCE_USER.to_owned()),
            ("SALESFORCE_PRIVATE_KEY_FILE", SALESFORCE_KEY.to_owned()),
        ]
    }

    pub(crate) fn salesforce_key_mount(&self) -> String {
        format!("{}:{SALESFORCE_KEY}:ro", private_key(&self.folder).display())
    }

    /// A caller with the Python SDK, who hears the agent and hangs up.
    pub(crate) fn call(&self, room: &str, email: &str) {
        let mut call = Command::new(tool("python/bin/python"));
        call.arg(repository().join("tests/python/call.py"));
        call.args([self.livekit.url().as_str(), KEY, SECRET, AGENT_NAME, room, email, "3"]);
        let output = call.output().expect("run Python");
        assert!(output.status.success(), "{}\n{}", said(&output), self.livekit.log());
    }

    /// The keys of the objects, as the store lists them.
    pub(crate) async fn archive(&self) -> String {
        let listed =
            http::get(([127, 0, 0, 1], self.s3_port).into(), &format!("/{BUCKET}?list-type=2")).await;
        listed.map(|(_, body)| body).unwrap_or_default()
    }

    /// The records, as Salesforce has them.
    pub(crate) async fn leads(&self) -> String {
        let address = self.salesforce.address().parse().expect("an address");
        http::get(address, "/simulator/records").await.map(|(_, body)| body).unwrap_or_default()
    }
}

fn start_s3(folder: &TempDir, port: u16) -> Process {
    let (data, file) = (folder.path().join("s3"), folder.path().join("s3.json"));
    std::fs::create_dir(&data).expect("make a folder");
    let mut keys = seaweedfs_keys(KEY, SECRET, &[]);
    // Whoever has no key may look, so that the test needs none.
    let visitor =
        json!({ "name": "anonymous", "actions": [format!("Read:{BUCKET}"), format!("List:{BUCKET}")] });
    keys["identities"].as_array_mut().expect("identities").push(visitor);
    std::fs::write(&file, keys.to_string()).expect("write keys");
    let mut command = Command::new(tool("bin/weed"));
    command.args(seaweedfs_arguments(port, &data, &file)).stdout(Stdio::null()).stderr(Stdio::null());
    Process::start(&mut command).expect("start SeaweedFS: run «make tools»")
}

fn start_salesforce(folder: &TempDir) -> Listening {
    let mut command = Command::new(program("salesforce-simulator"));
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--client-id",
        SALESFORCE_CLIENT,
        "--username",
        SALESFORCE_USER,
    ]);
    command.arg("--seed-file").arg(repository().join("deploy/dev/salesforce-seed.json"));
    command.arg("--public-key-file").arg(folder.path().join("public.pem"));
    Listening::start(&mut command)
}

/// They hear, think and speak.
fn start_services() -> Listening {
    let mut command = Command::new(program("openai-simulator"));
    command.args(["--listen", "127.0.0.1:0", "--persona"]);
    command.arg(repository().join("agent/personas/pandadoc-trial.toml"));
    command.env("OPENAI_SIMULATOR_API_KEY", "unused");
    command.env("LIVEKIT_API_KEY", INFERENCE_KEY).env("LIVEKIT_API_SECRET", SECRET);
    Listening::start(&mut command)
}

/// A key of the integration's, which the program's user may read.
fn make_key(folder: &TempDir) {
    let (private, public) = (private_key(folder), folder.path().join("public.pem"));
    let mut make = Command::new("openssl");
    make.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"]).arg(&private);
    let mut derive = Command::new("openssl");
    derive.args(["pkey", "-pubout", "-in"]).arg(&private).arg("-out").arg(public);
    for mut command in [make, derive] {
        let output = command.output().expect("run openssl");
        assert!(output.status.success(), "{}", said(&output));
    }
    std::fs::set_permissions(private, Permissions::from_mode(0o644)).expect("let it be read");
}

fn private_key(folder: &TempDir) -> PathBuf {
    folder.path().join("private.pem")
}
