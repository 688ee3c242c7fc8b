//! A real nats-server with JetStream in a temporary folder, killed on drop.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream;

pub(crate) struct NatsServer {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl NatsServer {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// With these lines in its configuration.
    pub(crate) async fn start_with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("nats.conf"), configuration).unwrap();
        let port = free_port();
        let server = Self { child: spawn(port, &folder), port, folder };
        server.answers().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The URL for one of the users that the configuration names.
    pub(crate) fn url_for(&self, user: &str, password: &str) -> String {
        format!("nats://{user}:{password}@127.0.0.1:{}", self.port)
    }

    pub(crate) async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.url()).await.unwrap())
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// After [`Self::kill`]: the same port and folder.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(self.port, &self.folder);
        self.answers().await;
    }

    async fn answers(&self) {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "nats-server does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // A server that is gone already is no error.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(port: u16, folder: &tempfile::TempDir) -> Child {
    Command::new(tool("nats-server"))
        .args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"])
        .arg(folder.path())
        .arg("--config")
        .arg(folder.path().join("nats.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A program of the workspace's set-up.
pub(crate) fn tool(name: &str) -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools");
    let tools = PathBuf::from(std::env::var("POSTCALL_TOOLS").unwrap_or_else(|_| default.to_owned()));
    tools.join("bin").join(name)
}

/// A port that nothing listens on; the kernel does not hand it out again at once.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
