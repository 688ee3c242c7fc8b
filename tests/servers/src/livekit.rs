//! A livekit-server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Program, Signal};
use crate::{free_port_with, tool};

pub const KEY: &str = "devkey";
pub const SECRET: &str = "a-secret-of-more-than-32-characters";

/// A livekit-server; it keeps its ports when it is started again.
#[derive(Debug)]
pub struct LiveKitServer {
    server: Program,
    host: Host,
    port: u16,
    /// Last, so that it is removed after the server has ended.
    _folder: TempDir,
}

/// What it takes beside its port: media over TCP and over UDP, and where nothing answers, at these distances.
pub const LIVEKIT_PORTS: [u16; 3] = [1, 2, 3];

/// Where a server runs.
#[derive(Debug, Clone)]
pub struct Host {
    pub address: IpAddr,
    /// A network namespace, or the test's own.
    pub namespace: Option<String>,
}

impl Host {
    /// The loopback interface, in the test's own namespace.
    pub const LOCAL: Self = Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), namespace: None };
}

/// The content of a livekit.yaml for a server on one address, with its other ports beside the first.
pub fn livekit_configuration(address: IpAddr, port: u16, key: &str, secret: &str) -> Value {
    json!({
        "port": port,
        "bind_addresses": [address.to_string()],
        "logging": { "level": "info" },
        "keys": { key: secret },
        "rtc": {
            "tcp_port": port + LIVEKIT_PORTS[0],
            "udp_port": port + LIVEKIT_PORTS[1],
            "node_ip": address.to_string(),
            "use_external_ip": false,
            "enable_loopback_candidate": true,
            // Else it names public ones, whose names the clients would look up.
            "stun_servers": [format!("127.0.0.1:{}", port + LIVEKIT_PORTS[2])],
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
        let port = free_port_with(&LIVEKIT_PORTS);
        let mut configuration = livekit_configuration(host.address, port, KEY, SECRET);
        change(&mut configuration);
        let file = folder.path().join("livekit.yaml");
        // JSON is YAML, too.
        std::fs::write(&file, configuration.to_string()).expect("write livekit.yaml");
        let (program, file) = (tool("bin/livekit-server"), file.to_string_lossy());
        let log = folder.path().join("log");
        let server = match &host.namespace {
            Some(namespace) => {
                let program = program.to_string_lossy();
                let arguments = ["netns", "exec", namespace, &program, "--config", &file];
                Program::new("ip".into(), &arguments, [], log)
            }
            None => Program::new(program, &["--config", &file], [], log),
        };
        let mut server = Self { server, host, port, _folder: folder };
        server.spawn_again();
        server
    }

    /// Whether it listens. Panics where it has ended.
    pub fn answers(&mut self) -> bool {
        if let Ok(Some(status)) = self.server.ended() {
            panic!("livekit-server ended with {status}:\n{}", self.log());
        }
        let address = SocketAddr::new(self.host.address, self.port);
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    }

    /// As `kill -9`.
    pub fn kill(&mut self) {
        // One that ended already is no error.
        drop(self.server.stop(Signal::Kill));
    }

    /// After [`Self::kill`]: the same ports, and none of the old state.
    pub fn spawn_again(&mut self) {
        self.server.start().expect("start livekit-server: run «make tools»");
    }

    pub fn url(&self) -> String {
        format!("ws://{}:{}", self.host.address, self.port)
    }

    pub fn log(&self) -> String {
        self.server.log()
    }
}
