//! The documented way to one's own speech and language services, with the program that `make up` runs, in a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use async_nats::ConnectOptions;
use tempfile::TempDir;
use test_servers::{Process, tool};
use tests::environment::{Environment, program};
use tests::stack::settings::Ports;

const PARTS: [&str; 3] = ["STT", "LLM", "TTS"];

#[tokio::test]
async fn make_up_brings_the_agent_back_with_whatever_services() {
    tests::install_tls();
    let stack = DevelopmentStack::new();
    stack.up();
    assert!(stack.runs("openai"), "the simulator is needed");
    assert_eq!(stack.ready().await.0, 200);
    stack.keeps_its_secrets().await;

    // Servers of one's own, without keys.
    let own = OwnServices::start();
    let simulated = stack.lines();
    let url = format!("http://127.0.0.1:{}/v1", own.port);
    stack.write(&simulated, &PARTS.map(|part| format!("{part}_BASE_URL={url}")));
    let before = stack.pid("agent");
    stack.up();
    assert_ne!(stack.pid("agent"), before, "the agent was not started anew");
    assert!(!stack.runs("openai"), "nobody needs the simulator");
    assert_eq!(stack.ready().await.0, 200);
    let used = own.used();
    assert!(["transcriptions", "completions", "speech"].iter().all(|call| used.contains(call)), "{used}");
    let again = stack.pid("agent");
    stack.up();
    assert_eq!(stack.pid("agent"), again, "nothing has changed");

    // One of one's own, two simulated.
    stack.write(&simulated, &[format!("LLM_BASE_URL={url}"), "LLM_MODEL='my model'".to_owned()]);
    stack.up();
    assert!(stack.runs("openai"));
    assert_eq!(stack.ready().await.0, 200);

    // OpenAI for all. There is no such key, and maybe no network: the agent runs, and says so.
    stack.write(&simulated, &["OPENAI_API_KEY=sk-none".to_owned()]);
    let output = stack.run("up", "4");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("agent is not ready") && told.contains("speech to text"), "{told}");
    assert!(stack.runs("agent") && stack.runs("web") && !stack.runs("openai"));
    assert_eq!(stack.ready().await.0, 503);

    // A file from before the simulator spoke LiveKit Inference's protocol, and it and the operator's port of `web` had lines of
    // their own.
    let new = Environment::read(&stack.env()).unwrap();
    let (url, key) = (new.get("OPENAI_SIMULATOR_URL").unwrap(), new.get("OPENAI_SIMULATOR_API_KEY").unwrap());
    let services =
        PARTS.map(|part| [format!("{part}_BASE_URL={url}"), format!("{part}_API_KEY={key}")]).concat();
    let later = ["OPENAI", "LIVEKIT_INFERENCE", "TURN_DETECTOR", "WEB_OPERATIONS"];
    stack.write(&without(&simulated, &later), &services);
    stack.up();
    assert!(stack.runs("openai"));
    assert_eq!(stack.ready().await.0, 200);
    let completed = Environment::read(&stack.env()).unwrap();
    assert_eq!(completed.get("OPENAI_SIMULATOR_URL").unwrap(), url);
    assert_eq!(completed.get("OPENAI_SIMULATOR_API_KEY").unwrap(), key);
}

fn without(lines: &[String], beginnings: &[&str]) -> Vec<String> {
    let is_kept =
        |line: &&String| !beginnings.iter().any(|beginning| line.starts_with(&format!("{beginning}_")));
    lines.iter().filter(is_kept).cloned().collect()
}

/// A stack in a folder of its own. Stopped on drop.
struct DevelopmentStack {
    folder: TempDir,
    ports: [(&'static str, u16); 10],
}

impl DevelopmentStack {
    fn new() -> Self {
        let ports = Ports::free();
        let ports = [
            ("LIVEKIT_PORT", ports.livekit_port),
            ("NATS_PORT", ports.nats_port),
            ("S3_PORT", ports.s3_port),
            ("SALESFORCE_PORT", ports.salesforce_port),
            ("OPENAI_PORT", ports.openai_port),
            ("WEB_PORT", ports.web_port),
            ("WEB_OPERATIONS_PORT", ports.web_operations_port),
            ("AGENT_PORT", ports.agent_port),
            ("SINK_S3_PORT", ports.sink_s3_port),
            ("SINK_SALESFORCE_PORT", ports.sink_salesforce_port),
        ];
        Self { folder: tempfile::tempdir().unwrap(), ports }
    }

    fn up(&self) {
        let output = self.run("up", "60");
        assert!(
            output.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.log("agent")
        );
    }

    fn run(&self, command: &str, limit: &str) -> Output {
        Command::new(program("stack").unwrap())
            .arg("--folder")
            .arg(self.folder.path())
            .arg(command)
            .env("POSTCALL_TOOLS", tool(""))
            .env("START_LIMIT_SECONDS", limit)
            .envs(self.ports.map(|(name, port)| (name, port.to_string())))
            .env_remove("OPENAI_API_KEY")
            .output()
            .unwrap()
    }

    fn env(&self) -> PathBuf {
        self.folder.path().join("env")
    }

    fn lines(&self) -> Vec<String> {
        std::fs::read_to_string(self.env()).unwrap().lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String], more: &[String]) {
        std::fs::write(self.env(), [lines, more].concat().join("\n")).unwrap();
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("log/{name}.log"))).unwrap_or_default()
    }

    fn pid(&self, name: &str) -> Option<u32> {
        let pid = std::fs::read_to_string(self.folder.path().join(format!("{name}.pid"))).ok()?;
        pid.trim().parse().ok()
    }

    fn runs(&self, name: &str) -> bool {
        self.pid(name).is_some_and(|pid| Path::new(&format!("/proc/{pid}/exe")).exists())
    }

    /// Status and text of the agent's page.
    async fn ready(&self) -> (u16, String) {
        let address = Environment::read(&self.env()).unwrap().get("AGENT_HTTP").unwrap().to_owned();
        let answer = reqwest::get(format!("http://{address}/readyz")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// No list of processes shows a key, and NATS takes nobody without its password.
    async fn keeps_its_secrets(&self) {
        let environment = Environment::read(&self.env()).unwrap();
        let is_key = |value: &str| value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        let keys: Vec<_> =
            environment.iter().map(|(_, value)| value.as_str()).filter(|it| is_key(it)).collect();
        assert!(keys.len() > 4 && keys.contains(&environment.get("OPENAI_SIMULATOR_API_KEY").unwrap()));
        for name in ["nats", "s3", "salesforce", "openai", "sink-s3", "sink-salesforce", "agent", "web"] {
            let Some(pid) = self.pid(name) else { panic!("{name} does not run") };
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
            assert!(!line.is_empty() && !keys.iter().any(|key| line.contains(key)), "{name}: {line}");
        }
        let nats = environment.get("NATS_URL").unwrap();
        let (login, host) =
            nats.trim_start_matches("nats://").split_once('@').expect("a user and a password");
        let (user, password) = login.split_once(':').expect("a user and a password");
        let with_password = ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
        assert!(with_password.connect(host).await.is_ok());
        assert!(async_nats::connect(host).await.is_err());
    }
}

impl Drop for DevelopmentStack {
    fn drop(&mut self) {
        drop(self.run("down", "60"));
    }
}

/// Services without keys. They end on drop.
struct OwnServices {
    _process: Process,
    port: u16,
    log: tempfile::NamedTempFile,
}

impl OwnServices {
    fn start() -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(tool("python/bin/python"));
        command.args(["-c", include_str!("own_services.py")]);
        command.stdout(Stdio::piped()).stderr(log.reopen().unwrap());
        let mut process = Process::start(&mut command).unwrap();
        let mut line = String::new();
        BufReader::new(process.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { _process: process, port: line.trim().parse().unwrap(), log }
    }

    /// The paths that were called.
    fn used(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}
