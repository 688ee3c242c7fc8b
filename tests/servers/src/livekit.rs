use std::fs::OpenOptions;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{free_port, tool};

pub const KEY: &str = "devkey";
pub const SECRET: &str = "a-secret-of-more-than-32-characters";

/// A livekit-server; it keeps its ports when it is started again.
#[derive(Debug)]
pub struct LiveKitServer {
    process: Child,
    host: Host,
    port: u16,
    folder: TempDir,
}

/// Where a server runs.
#[derive(Debug, Clone)]
pub struct Host {
    pub address: IpAddr,
    /// A network namespace, or the test's own.
    pub namespace: Option<String>,
}

impl Host {
    /// The test's own.
    pub const LOCAL: Self = Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), namespace: None };
}

/// The content of a livekit.yaml for a server on one address, with all its ports free ones.
pub fn livekit_configuration(address: IpAddr, port: u16, key: &str, secret: &str) -> Value {
    json!({
        "port": port,
        "bind_addresses": [address.to_string()],
        "logging": { "level": "info" },
        "keys": { key: secret },
        "rtc": {
            "tcp_port": free_port(),
            "udp_port": free_port(),
            "node_ip": address.to_string(),
            "use_external_ip": false,
            "enable_loopback_candidate": true,
            // Else it names public ones, whose names the clients would look up.
            "stun_servers": [format!("127.0.0.1:{}", free_port())],
        },
    })
}

impl LiveKitServer {
    /// Starts one on the loopback interface; [`Self::answers`] says when it is ready.
    pub fn spawn() -> Self {
        Self::spawn_on(Host::LOCAL, |_| {})
    }

    /// Starts one on an address that may be another host's, with changes to its [configuration](livekit_configuration).
    pub fn spawn_on(host: Host, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().expect("make a temporary folder");
        let port = free_port();
        let mut configuration = livekit_configuration(host.address, port, KEY, SECRET);
        change(&mut configuration);
        // JSON is YAML, too.
        std::fs::write(folder.path().join("livekit.yaml"), configuration.to_string())
            .expect("write livekit.yaml");
        let process = spawn(&folder, &host);
        Self { process, host, port, folder }
    }

    /// Whether it listens. Panics where it has ended.
    pub fn answers(&mut self) -> bool {
        if let Ok(Some(status)) = self.process.try_wait() {
            panic!("livekit-server ended with {status}:\n{}", self.log());
        }
        let address = SocketAddr::new(self.host.address, self.port);
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    }

    /// As `kill -9`.
    pub fn kill(&mut self) {
        // One that ended already is no error.
        drop(self.process.kill());
        drop(self.process.wait());
    }

    /// After [`Self::kill`]: the same ports, and none of the old state.
    pub fn spawn_again(&mut self) {
        self.process = spawn(&self.folder, &self.host);
    }

    pub fn url(&self) -> String {
        format!("ws://{}:{}", self.host.address, self.port)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for LiveKitServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(folder: &TempDir, host: &Host) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(folder.path().join("log")).expect("open log");
    let program = tool("bin/livekit-server");
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
        .arg(folder.path().join("livekit.yaml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("share log"))
        .stderr(log)
        .spawn()
        .expect("start livekit-server: run «make tools»")
}
