//! A livekit-server of the test's own.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use livekit_api::access_token::{AccessToken, VideoGrants};
use serde_json::{Value, json};

use crate::ports::free_port;

pub(crate) const KEY: &str = "devkey";
pub(crate) const SECRET: &str = "a-secret-of-more-than-32-characters";

/// Ends with the value.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    host: Host,
    port: u16,
    process: Child,
}

/// Where a server runs.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) address: IpAddr,
    /// A network namespace, or the test's own.
    pub(crate) namespace: Option<String>,
}

impl Server {
    /// Listens on random ports of the loopback interface.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Like [`start`](Self::start), with changes to the configuration: the content of livekit.yaml, as a tree.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Value)) -> Self {
        let host = Host { address: Ipv4Addr::LOCALHOST.into(), namespace: None };
        Self::start_on(host, change).await
    }

    /// Listens on an address that may be another host's.
    pub(crate) async fn start_on(host: Host, change: impl FnOnce(&mut Value)) -> Self {
        crate::log();
        let folder = tempfile::tempdir().expect("make temporary folder");
        let port = free_port();
        let mut configuration = json!({
            "port": port,
            "bind_addresses": [host.address.to_string()],
            "logging": { "level": "warn" },
            "keys": { KEY: SECRET },
            "rtc": {
                "tcp_port": free_port(),
                "udp_port": free_port(),
                "node_ip": host.address.to_string(),
                "use_external_ip": false,
                "enable_loopback_candidate": true,
                // Else it names public ones, whose names the clients would look up.
                "stun_servers": [format!("127.0.0.1:{}", free_port())],
            },
        });
        change(&mut configuration);
        // JSON is YAML, too.
        let file = folder.path().join("livekit.yaml");
        std::fs::write(file, configuration.to_string()).expect("write configuration");
        let process = spawn(folder.path(), &host);
        let mut server = Self { folder, host, port, process };
        server.wait_until_ready().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}:{}", self.host.address, self.port)
    }

    pub(crate) fn token(&self, room: &str, identity: &str, metadata: &str) -> String {
        AccessToken::with_api_key(KEY, SECRET)
            .with_identity(identity)
            .with_metadata(metadata)
            .with_grants(VideoGrants { room_join: true, room: room.to_owned(), ..VideoGrants::default() })
            .to_jwt()
            .expect("sign token")
    }

    /// Kills the server and starts it again on the same ports after `pause`.
    pub(crate) async fn restart(&mut self, pause: Duration) {
        self.stop();
        tokio::time::sleep(pause).await;
        self.process = spawn(self.folder.path(), &self.host);
        self.wait_until_ready().await;
    }

    fn stop(&mut self) {
        // It may have ended by itself, which the test reports.
        drop(self.process.kill());
        drop(self.process.wait());
    }

    async fn wait_until_ready(&mut self) {
        for _ in 0..600 {
            if let Ok(Some(status)) = self.process.try_wait() {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            if tokio::net::TcpStream::connect((self.host.address, self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not listen:\n{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the set-up put servers and interpreters.
pub(crate) fn tools() -> PathBuf {
    std::env::var_os("POSTCALL_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(".tools"), PathBuf::from)
}

fn spawn(folder: &Path, host: &Host) -> Child {
    let log =
        std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("open log");
    let program = tools().join("bin/livekit-server");
    let mut command = match &host.namespace {
        Some(namespace) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace]).arg(&program);
            command
        }
        None => Command::new(&program),
    };
    command
        .arg("--config")
        .arg(folder.join("livekit.yaml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("share log"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("start {}: {error}", program.display()))
}
