//! A machine of its own for the compose file: a network namespace, so that its ports are free, and podman, which does what a compose
//! file says. Its images of servers are the tools of this repository, whose files are mounted; those of postcall are ours.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use test_deploy::{program, repository, said, tool};
use test_servers::{Listening, Process, copy_folder, eventually};

const AGENT_NAME: &str = "postcall";
const EMAIL: &str = "test@company.com";
/// An image with nothing but a file, for what is mounted into it.
const EMPTY_IMAGE: &str = "localhost/postcall-test-empty:1";
/// Where callers reach it.
const ADDRESS: &str = "192.0.2.10";

pub(crate) struct Machine {
    /// Of the namespace, and of the compose project.
    name: String,
    folder: TempDir,
    simulators: Vec<Process>,
}

impl Machine {
    /// The servers first, then the jobs, then the programs, as `depends_on` says: podman itself does not wait for the health or
    /// the success of another container in all versions.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("make a temporary folder");
        let name = format!("postcall-test-{}", std::process::id());
        let mut machine = Self { name, folder, simulators: Vec::new() };
        machine.make_network();
        machine.make_folder();
        machine.start_simulators();
        machine.compose(&["up", "--detach", "nats", "livekit", "s3"]);
        for page in
            ["127.0.0.1:8222/healthz?js-enabled-only=true", "127.0.0.1:7880/", "127.0.0.1:8333/healthz"]
        {
            eventually(page, async || machine.get(page, &[]).is_some()).await;
        }
        machine.compose(&["up", "--detach", "--no-deps", "setup-sink-s3", "setup-sink-salesforce"]);
        for job in ["setup-sink-s3", "setup-sink-salesforce"] {
            let ended = machine.podman(&["wait", &machine.container(job)]);
            assert_eq!(ended, "0", "{}", machine.log(job));
        }
        machine.compose(&["up", "--detach", "--no-deps", "agent", "web", "sink-s3", "sink-salesforce"]);
        machine
    }

    /// Waits until `/readyz` of a program says that it works.
    pub(crate) async fn ready(&self, service: &str, port: u16) {
        let page = format!("127.0.0.1:{port}/readyz");
        let mut tries = 0;
        while self.get(&page, &[]).is_none() {
            tries += 1;
            assert!(tries < 300, "{service} is not ready:\n{}", self.log(service));
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    /// A caller with the Python SDK, who hears the agent and hangs up.
    pub(crate) fn call(&self) {
        let mut call = self.command(tool("python/bin/python"));
        call.arg(repository().join("tests/python/call.py"));
        let [key, secret] = ["livekit-api-key", "livekit-api-secret"].map(|name| self.secret(name));
        call.args(["ws://127.0.0.1:7880", &key, &secret, AGENT_NAME, "room_of_the_test", EMAIL, "3"]);
        let output = call.output().expect("run Python");
        assert!(output.status.success(), "{}\n{}", said(&output), self.log("agent"));
    }

    /// Waits until the status page says that both sinks have the call.
    pub(crate) async fn came_through(&self) {
        let authorization = format!("Authorization: Bearer {}", self.secret("web-status-token"));
        let mut last = String::new();
        let mut tries = 0;
        while !is_through(&last) {
            tries += 1;
            assert!(tries < 60, "{last}\n{}\n{}", self.log("sink-s3"), self.log("sink-salesforce"));
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            last = self.get("127.0.0.1:3000/status.json", &[&authorization]).unwrap_or_default();
        }
    }

    /// Whether a container has no right that its program has no use for.
    pub(crate) fn assert_confined(&self, service: &str) {
        let format =
            "{{.HostConfig.ReadonlyRootfs}} {{.EffectiveCaps}} {{.HostConfig.SecurityOpt}} {{.Config.User}}";
        assert_eq!(self.inspect(service, format), "true [] [no-new-privileges] 65532:65532", "{service}");
    }

    /// Ends all containers, as at the end of a machine.
    pub(crate) fn stop(&self) {
        self.compose(&["stop"]);
    }

    pub(crate) fn inspect(&self, service: &str, format: &str) -> String {
        self.podman(&["inspect", &self.container(service), "--format", format])
    }

    /// The last that a container has printed.
    pub(crate) fn log(&self, service: &str) -> String {
        let output = podman().args(["logs", "--tail", "30", &self.container(service)]).output();
        said(&output.expect("start podman: run «make tools»"))
    }

    /// With an interface as machines have them: over loopback alone browsers and SDKs send no sound.
    fn make_network(&self) {
        let name = self.name.as_str();
        ip(&["netns", "add", name]);
        ip(&["-n", name, "link", "add", "veth0", "type", "veth", "peer", "name", "veth1"]);
        ip(&["-n", name, "address", "add", &format!("{ADDRESS}/24"), "dev", "veth0"]);
        for interface in ["lo", "veth0", "veth1"] {
            ip(&["-n", name, "link", "set", interface, "up"]);
        }
        ip(&["-n", name, "route", "add", "default", "dev", "veth0"]);
    }

    /// A copy of what an operator has, filled in.
    fn make_folder(&self) {
        for part in ["compose", "nats", "aws"] {
            let folder = repository().join("deploy").join(part);
            copy_folder(&folder, &self.folder.path().join(part)).expect("copy a folder");
        }
        let output = Command::new(self.file("keys")).output().expect("start keys");
        assert!(output.status.success(), "{}", said(&output));
        self.fill_in(
            ".env",
            &[
                ("POSTCALL_IMAGES", "localhost/postcall-"),
                ("LIVEKIT_NODE_IP", ADDRESS),
                ("SALESFORCE_URL", "http://127.0.0.1:9200"),
            ],
        );
        self.fill_in("agent.env", &[("OPENAI_API_KEY_FILE", "/run/secrets/openai-api-key")]);
        let mut services = fs::read_to_string(self.file("agent.env")).expect("read the settings");
        for kind in ["STT", "LLM", "TTS"] {
            let (url, key) = ("http://127.0.0.1:9201/v1", "/run/secrets/openai-api-key");
            writeln!(services, "{kind}_BASE_URL={url}\n{kind}_API_KEY_FILE={key}").expect("write to a text");
        }
        fs::write(self.file("agent.env"), services).expect("write the settings");
        fs::write(self.file("secrets/openai-api-key"), "unused").expect("write the key");
        fs::write(self.file("override.yaml"), overrides()).expect("write what is other here");
        let containerfile = self.file("Containerfile");
        fs::write(&containerfile, "FROM scratch\nCOPY nats.conf /\n").expect("write the image");
        let mut build = podman();
        build.args(["build", "--isolation", "chroot", "--tag", EMPTY_IMAGE, "--file"]).arg(containerfile);
        let output = build.arg(self.folder.path().join("compose")).output().expect("start podman");
        assert!(output.status.success(), "{}", said(&output));
    }

    /// A file of settings, from its example.
    fn fill_in(&self, name: &str, values: &[(&str, &str)]) {
        let example = fs::read_to_string(self.file(&format!("{name}.example"))).expect("read an example");
        let given = |line: &str| {
            let value = values.iter().find(|(name, _)| line.split('=').next() == Some(name));
            value.map_or_else(|| line.to_owned(), |(name, value)| format!("{name}={value}"))
        };
        let lines: Vec<String> = example.lines().map(given).collect();
        fs::write(self.file(name), lines.join("\n") + "\n").expect("write the settings");
    }

    fn start_simulators(&mut self) {
        let mut public_key = Command::new("openssl");
        public_key
            .args(["x509", "-pubkey", "-noout", "-in"])
            .arg(self.file("secrets/salesforce-certificate.pem"));
        let public_key = public_key.output().expect("start openssl").stdout;
        fs::write(self.file("salesforce-public.pem"), public_key).expect("write the public key");
        let mut salesforce = self.command(program("salesforce-simulator"));
        salesforce.args(["--listen", "127.0.0.1:9200", "--client-id", "3MVGexample"]);
        salesforce.args(["--username", "postcall@example.com", "--audience", "https://login.salesforce.com"]);
        salesforce.arg("--seed-file").arg(repository().join("deploy/dev/salesforce-seed.json"));
        salesforce.arg("--public-key-file").arg(self.file("salesforce-public.pem"));
        let mut services = self.command(program("openai-simulator"));
        services.args(["--listen", "127.0.0.1:9201", "--persona"]);
        services.arg(repository().join("agent/personas/pandadoc-trial.toml"));
        services.env("OPENAI_SIMULATOR_API_KEY", "unused");
        self.simulators = [salesforce, services].map(|mut one| Listening::start(&mut one).process).into();
    }

    /// What a page of the machine's answers with success.
    fn get(&self, page: &str, headers: &[&str]) -> Option<String> {
        let mut get = self.command("curl".into());
        get.args(["--silent", "--fail", "--max-time", "5"]).arg(format!("http://{page}"));
        for header in headers {
            get.args(["--header", header]);
        }
        let output = get.output().expect("start curl");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn compose(&self, arguments: &[&str]) {
        let mut compose = self.command(tool("deploy/bin/podman-compose"));
        compose.args(["--project-name", &self.name, "--profile", "salesforce"]);
        compose.args(["--file", "compose.yaml", "--file", "override.yaml"]).args(arguments);
        let output = compose.current_dir(self.folder.path().join("compose")).output();
        let output = output.expect("start podman-compose");
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }

    fn podman(&self, arguments: &[&str]) -> String {
        let output = podman().args(arguments).output().expect("start podman: run «make tools»");
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// In the machine's network, and with all else of this one.
    fn command(&self, program: PathBuf) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg("--").arg(program);
        command.env("CONTAINERS_CONF", containers_conf()).stdin(Stdio::null());
        command
    }

    fn container(&self, service: &str) -> String {
        format!("{}_{service}_1", self.name)
    }

    fn secret(&self, name: &str) -> String {
        let text = fs::read_to_string(self.file("secrets").join(name)).expect("read a secret");
        text.trim().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("compose").join(name)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let of_this = format!("label=io.podman.compose.project={}", self.name);
        let listed = podman().args(["ps", "--all", "--quiet", "--filter", &of_this]).output();
        let listed = listed.map(|output| said(&output)).unwrap_or_default();
        let mut remove = podman();
        remove.args(["rm", "--force", "--time", "1"]).args(listed.split_whitespace());
        drop(remove.output());
        self.simulators.clear();
        drop(Command::new("ip").args(["netns", "delete", &self.name]).output());
    }
}

/// Whether the newest call is in the archive and in Salesforce.
fn is_through(status: &str) -> bool {
    let status: Value = serde_json::from_str(status).unwrap_or_default();
    let call = &status["calls"]["last"][0];
    ["archive", "salesforce"].iter().all(|sink| call[sink] == "written")
}

/// Servers from the tools, and no health checks: podman has systemd run those.
fn overrides() -> String {
    let server = |service: &str, binary: &str, place: &str| {
        let binary = tool(binary).canonicalize().expect("find a tool");
        format!(
            "  {service}:\n    image: {EMPTY_IMAGE}\n    entrypoint: [{place}]\n    healthcheck: {{ disable: true }}\n    \
             volumes: [\"{}:{place}:ro\", \"/lib:/lib:ro\", \"/lib64:/lib64:ro\"]\n",
            binary.display()
        )
    };
    let servers = [
        server("nats", "bin/nats-server", "/usr/bin/nats-server"),
        server("livekit", "bin/livekit-server", "/livekit-server"),
        server("s3", "bin/weed", "/usr/bin/weed"),
    ];
    format!("x-podman: {{ in_pod: false }}\nservices:\n{}", servers.concat())
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("start ip");
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
}

fn podman() -> Command {
    let mut podman = Command::new("podman");
    podman.env("CONTAINERS_CONF", containers_conf());
    podman
}

fn containers_conf() -> PathBuf {
    repository().join("tests/deploy/containers.conf")
}
