//! The program itself, on ports of its own.

use std::net::SocketAddr;
use std::process::Command;

use test_servers::Listening;

use crate::client::Client;

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

    /// With at most so many open files.
    pub(crate) fn start_with_files(files: u32, flags: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n \"$1\" && shift && exec \"$@\"", "sh", &files.to_string()]);
        Self::start_as(command.arg(env!("CARGO_BIN_EXE_web")), flags)
    }

    fn start_as(command: &mut Command, flags: &[&str]) -> Self {
        command
            .args(["--livekit-url=ws://127.0.0.1:1", "--livekit-api-key=devkey", "--agent-name=agent"])
            .args(["--livekit-api-secret=a secret of thirty-two characters", "--web-http=127.0.0.1:0"])
            .arg("--web-operations-http=127.0.0.1:0")
            .args(flags);
        let program = Listening::start_with(command, 2);
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

    /// As an operator ends it; says whether it ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        self.program.process.terminate().unwrap().success()
    }
}
