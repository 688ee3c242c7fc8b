//! The program under load, kept to one core from its start, so that it makes as many threads as are of use there.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use test_servers::{KEY, Program, SECRET, free_port, workspace};
use tests::environment::{Environment, program};
use tests::wait_for;

use super::load;
use crate::cores::Cores;

const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// More than are asked for.
const NO_LIMIT: &str = "100000000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    NextJs,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    program: Program,
    /// Last, so that it is removed after the program has ended.
    _folder: TempDir,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::NextJs => "Next.js",
        }
    }

    fn command(self, port: u16) -> Result<Vec<String>> {
        let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        match self {
            Self::Ours => Ok(vec![text(program("web")?)]),
            Self::NextJs => {
                let folder = workspace().join("tests/bench/nextjs");
                ensure!(
                    folder.join(".next/BUILD_ID").exists(),
                    "the peer is not built: run «make bench-web»"
                );
                let next = text(folder.join("node_modules/next/dist/bin/next"));
                let port = port.to_string();
                let arguments = ["node", &next, "start", &text(folder), "-H", "127.0.0.1", "-p", &port];
                Ok(arguments.map(str::to_owned).into())
            }
        }
    }

    fn environment(self, address: SocketAddr) -> Environment {
        let mut environment = Environment::default();
        for (name, value) in [
            ("LIVEKIT_URL", "wss://livekit.example.com"),
            ("LIVEKIT_API_KEY", KEY),
            ("LIVEKIT_API_SECRET", SECRET),
            ("AGENT_NAME", load::AGENT_NAME),
            ("WEB_LIVEKIT_INTERVAL", "0s"),
            ("WEB_OPERATIONS_HTTP", "127.0.0.1:0"),
            ("WEB_TOKENS_PER_ADDRESS", NO_LIMIT),
            ("WEB_TOKENS_PER_EMAIL", NO_LIMIT),
            ("WEB_TOKENS", NO_LIMIT),
            ("NODE_ENV", "production"),
            ("NEXT_TELEMETRY_DISABLED", "1"),
        ] {
            environment.set(name, value);
        }
        environment.set("WEB_HTTP", address.to_string());
        environment
    }
}

impl Server {
    pub(super) async fn start(kind: Kind, core: &Cores) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let command = [vec!["--cpu-list".to_owned(), core.list()], kind.command(address.port())?].concat();
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        let environment = kind.environment(address);
        let mut program = Program::new("taskset".into(), &arguments, &environment, folder.path().join("log"));
        program.start().context("start it")?;
        let answers = || async { load::ask_once(address).await.map(Some) };
        let waited = wait_for("it to give tokens", STARTS_WITHIN, answers).await;
        waited.with_context(|| format!("its log ends:\n{}", program.end_of_log()))?;
        Ok(Self { address, program, _folder: folder })
    }

    pub(super) fn id(&self) -> Result<u32> {
        self.program.id().context("find its process")
    }
}
