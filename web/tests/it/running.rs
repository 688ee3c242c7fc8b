//! The program itself, on ports of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use test_servers::{KEY, Listening, LiveKitServer, Process, SECRET};

use crate::client::Client;

/// What it is started with where a test says nothing else: there is no LiveKit, and nobody asks for it.
const DEFAULTS: [&str; 7] = [
    "--livekit-url=ws://127.0.0.1:1",
    "--livekit-api-key=devkey",
    "--livekit-api-secret=a secret of thirty-two characters",
    "--agent-name=agent",
    "--web-livekit-interval=0s",
    "--web-http=127.0.0.1:0",
    "--web-operations-http=127.0.0.1:0",
];

/// A running service; it ends with its owner.
pub(crate) struct Running {
    program: Listening,
    pub(crate) http: SocketAddr,
    pub(crate) operations_http: SocketAddr,
}

impl Running {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_as(&mut Command::new(env!("CARGO_BIN_EXE_web")), flags)
    }

    /// With a LiveKit of its own.
    pub(crate) fn start_beside(livekit: &LiveKitServer, flags: &[&str]) -> Self {
        let url = format!("--livekit-url={}", livekit.url());
        let key = [format!("--livekit-api-key={KEY}"), format!("--livekit-api-secret={SECRET}")];
        let own = |flag: &&String| !has(flags, flag);
        let of_livekit: Vec<&str> = [&url].into_iter().chain(&key).filter(own).map(String::as_str).collect();
        Self::start(&[&of_livekit, flags].concat())
    }

    /// With these variables in its environment.
    pub(crate) fn start_in(environment: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_web"));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::start_as(&mut command, &[])
    }

    /// With at most so many open files.
    pub(crate) fn start_with_files(files: u32, flags: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n \"$1\" && shift && exec \"$@\"", "sh", &files.to_string()]);
        Self::start_as(command.arg(env!("CARGO_BIN_EXE_web")), flags)
    }

    /// In a folder in which the system may leave dumps of it, of any length.
    pub(crate) fn start_with_core_dumps(folder: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "ulimit -c \"$(ulimit -H -c)\" && exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_web"),
        ]);
        Self::start_as(command.current_dir(folder), &[])
    }

    /// With its log, from `debug` on, in a file.
    pub(crate) fn start_logging_to(log: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_web"));
        let command = arguments(&mut command, flags).env("RUST_LOG", "web=debug,service=debug");
        let process = Process::start(command.stderr(File::create(log).unwrap())).unwrap();
        let addresses = || {
            let text = std::fs::read_to_string(log).unwrap();
            let addresses =
                text.lines().filter_map(|line| Some(line.split_once("address=")?.1.trim().to_owned()));
            addresses.collect::<Vec<_>>()
        };
        while addresses().len() < 2 {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self::of(Listening { process, addresses: addresses() })
    }

    fn start_as(command: &mut Command, flags: &[&str]) -> Self {
        Self::of(Listening::start_with(arguments(command, flags), 2))
    }

    fn of(program: Listening) -> Self {
        let address = |index: usize| program.addresses[index].parse().unwrap();
        Self { http: address(0), operations_http: address(1), program }
    }

    pub(crate) async fn metric(&self, series: &str) -> usize {
        let text = Client::connect(1, self.operations_http).await.get("/metrics").await.body;
        let line = text.lines().find_map(|line| line.strip_prefix(series)).expect(series);
        line.trim().parse().unwrap()
    }

    /// Resident memory, in MiB.
    pub(crate) fn memory(&self) -> u64 {
        self.program.process.memory().unwrap().0 / (1024 * 1024)
    }

    /// Limits of the process, by their names in `/proc`: the soft and the hard one.
    pub(crate) fn limit(&self, name: &str) -> (String, String) {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.program.id())).unwrap();
        let limit = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let mut limit = limit.split_whitespace().map(str::to_owned);
        (limit.next().unwrap(), limit.next().unwrap())
    }

    /// As a fault in it would end it.
    pub(crate) fn crash(&mut self) {
        self.program.process.signal("ABRT").unwrap();
        assert!(!self.program.process.wait().unwrap().success());
    }

    /// As an operator ends it; says whether it ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        self.program.process.terminate().unwrap().success()
    }
}

fn arguments<'a>(command: &'a mut Command, flags: &[&str]) -> &'a mut Command {
    command.args(DEFAULTS.iter().filter(|default| !has(flags, default))).args(flags)
}

/// Whether one of the flags sets what this one sets.
fn has(flags: &[&str], flag: &str) -> bool {
    let name = flag.split_inclusive('=').next().unwrap_or(flag);
    flags.iter().any(|flag| flag.starts_with(name))
}
