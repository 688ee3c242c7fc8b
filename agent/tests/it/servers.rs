//! A livekit-server and the agent program, each a process of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use schemas::SessionEnded;
use serde_json::Value;
use tempfile::TempDir;
use test_servers::{KEY, LiveKitServer, Process, SECRET, free_port};

use crate::providers::Providers;

pub(crate) const AGENT_NAME: &str = "postcall-test";

/// Longest that a server may take to be ready, or a state to be reached, on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks. A caller whose captions are asked for all the time has no time left to speak.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until `probe` finds something.
pub(crate) fn wait_for<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(LIMIT, probe).unwrap_or_else(|| panic!("{what}: not within {LIMIT:?}"))
}

/// The same, where it may find nothing.
pub(crate) fn within<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        let found = probe();
        if found.is_some() || started.elapsed() >= limit {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Starts a livekit-server and waits until it answers.
pub(crate) fn start_livekit() -> LiveKitServer {
    let mut livekit = LiveKitServer::spawn();
    wait_for("livekit-server", || livekit.answers().then_some(()));
    livekit
}

/// Starts it again after its kill, and waits until it answers.
pub(crate) fn start_again(livekit: &mut LiveKitServer) {
    livekit.spawn_again();
    wait_for("livekit-server", || livekit.answers().then_some(()));
}

/// The agent program, without a NATS: what it exports stays in its outbox. Ended on drop.
pub(crate) struct Agent {
    process: Process,
    http_port: u16,
    folder: TempDir,
    /// Where they are the agent's own.
    own_providers: Option<Providers>,
}

impl Agent {
    /// Starts and waits until it is registered. What it says and hears is always the same.
    pub(crate) fn start(livekit: &LiveKitServer, arguments: &[&str]) -> Self {
        let providers = Providers::canned();
        let mut agent = Self::start_with(livekit, &providers, arguments, &[]);
        agent.own_providers = Some(providers);
        agent
    }

    /// With providers that the test has a hand on, and further environment variables.
    pub(crate) fn start_with(
        livekit: &LiveKitServer,
        providers: &Providers,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let agent = Self::spawn_with(livekit, providers, arguments, environment);
        agent.wait_connected();
        agent
    }

    /// As [`Self::start_with`], without waiting: it may never be ready.
    pub(crate) fn spawn_with(
        livekit: &LiveKitServer,
        providers: &Providers,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let http_port = free_port();
        let log = fs::File::create(folder.path().join("log")).expect("create the log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
        command
            .arg("dev")
            .args(arguments)
            .env_clear()
            .env("LIVEKIT_URL", livekit.url())
            .env("LIVEKIT_API_KEY", KEY)
            .env("LIVEKIT_API_SECRET", SECRET)
            .env("AGENT_NAME", AGENT_NAME)
            .env("NATS_URL", format!("nats://127.0.0.1:{}", free_port()))
            .env("AGENT_SPOOL_DIR", folder.path().join("spool"))
            .env("AGENT_HTTP", format!("127.0.0.1:{http_port}"))
            .env("AGENT_PUBLISH_DRAIN_LIMIT", "1s")
            .envs(providers.environment())
            .envs(environment.iter().copied())
            .stderr(log);
        let process = Process::start(&mut command).expect("start the agent");
        Self { process, http_port, folder, own_providers: None }
    }

    pub(crate) fn wait_connected(&self) {
        wait_for("registration", || (self.status("/readyz") == Some(200)).then_some(()));
    }

    /// Status of a page; `None` while nobody listens.
    pub(crate) fn status(&self, page: &str) -> Option<u16> {
        http(self.http_port, "GET", page, "").map(|(status, _)| status)
    }

    /// A connection to its pages.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.http_port)).expect("the agent listens")
    }

    /// Status and body of a page; `None` while nobody listens.
    pub(crate) fn page(&self, page: &str) -> Option<(u16, String)> {
        http(self.http_port, "GET", page, "")
    }

    /// What `/readyz` says, once it has this status.
    pub(crate) fn readiness(&self, status: u16) -> String {
        wait_for(&format!("status {status} on /readyz"), || {
            let (now, text) = http(self.http_port, "GET", "/readyz", "")?;
            (now == status).then_some(text)
        })
    }

    pub(crate) fn worker(&self) -> Value {
        let (_, body) = http(self.http_port, "GET", "/worker", "").expect("the agent serves");
        serde_json::from_str(&body).expect("JSON")
    }

    pub(crate) fn metrics(&self) -> String {
        http(self.http_port, "GET", "/metrics", "").expect("the agent serves").1
    }

    pub(crate) fn wait_idle(&self) {
        wait_for("all places free", || (self.worker()["active_jobs"] == 0).then_some(()));
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("read the log")
    }

    /// The folder of its journals and its outbox.
    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// The session-end payloads that wait to be published.
    pub(crate) fn outbox(&self) -> Vec<SessionEnded> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("spool/outbox")) else { return Vec::new() };
        let paths = entries.map_while(Result::ok).map(|entry| entry.path());
        let payloads = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        payloads.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
    }

    /// Waits for the payload of a room.
    pub(crate) fn exported(&self, room: &str) -> SessionEnded {
        wait_for("the payload in the outbox", || {
            self.outbox().into_iter().find(|session| session.session_id.as_str() == room)
        })
    }

    /// Bytes of memory that it holds now, and the most that it held.
    pub(crate) fn memory(&self) -> (u64, u64) {
        self.process.memory().expect("read its memory")
    }

    /// Value of a metric without labels, or with those that are given.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let (metrics, name) = (self.metrics(), format!("postcall_agent_{name} "));
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{name} is not there: {metrics}")).parse().expect("a number")
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name).expect("send a signal");
    }

    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        wait_for("the agent's end", || self.exit())
    }

    /// How it has ended, where it has.
    pub(crate) fn exit(&mut self) -> Option<ExitStatus> {
        self.process.ended().expect("it is ours")
    }
}

impl Drop for Agent {
    #[expect(clippy::print_stdout, reason = "shown with a test that failed")]
    fn drop(&mut self) {
        // So that its log is whole.
        self.process.kill();
        if std::thread::panicking() {
            println!("--- the agent's log\n{}", self.log());
        }
    }
}

/// Asks a server of this machine; status and body of its answer, `None` while nobody listens.
pub(crate) fn http(port: u16, method: &str, page: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let length = body.len();
    write!(
        stream,
        "{method} {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
