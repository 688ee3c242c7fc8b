//! The program itself, on ports of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::client::Client;

/// A running service; it ends with its owner.
pub(crate) struct Running {
    process: Child,
    pub(crate) http: SocketAddr,
    pub(crate) operations_http: SocketAddr,
}

impl Running {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_as(&mut Command::new(env!("CARGO_BIN_EXE_web")), flags)
    }

    /// With at most so many open files.
    pub(crate) fn start_with_files(files: u32, flags: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n \"$1\" && shift && exec \"$@\"", "sh", &files.to_string()]);
        Self::start_as(command.arg(env!("CARGO_BIN_EXE_web")), flags)
    }

    fn start_as(command: &mut Command, flags: &[&str]) -> Self {
        let mut process = command
            .args(["--livekit-url=ws://127.0.0.1:1", "--livekit-api-key=devkey", "--agent-name=agent"])
            .args(["--livekit-api-secret=a secret of thirty-two characters", "--web-http=127.0.0.1:0"])
            .arg("--web-operations-http=127.0.0.1:0")
            .args(flags)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut address = || {
            let line = lines.find(|line| line.contains("address=")).expect("it listens");
            line.split_once("address=").unwrap().1.trim().parse().unwrap()
        };
        let (http, operations_http) = (address(), address());
        // What it logs later would fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, http, operations_http }
    }

    pub(crate) async fn metric(&self, series: &str) -> usize {
        let text = Client::connect(1, self.operations_http).await.get("/metrics").await.body;
        let line = text.lines().find_map(|line| line.strip_prefix(series)).expect(series);
        line.trim().parse().unwrap()
    }

    /// Resident memory, in MiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }

    /// As an operator ends it; says whether it ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.process.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
