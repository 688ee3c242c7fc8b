//! A TURN server of the test's own: coturn.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use livekit::webrtc::prelude::IceServer;

use test_servers::{Process, free_port};

pub(crate) const USER: &str = "someone";
pub(crate) const PASSWORD: &str = "a password";

/// Ends with the value.
pub(crate) struct Coturn {
    folder: tempfile::TempDir,
    address: IpAddr,
    pub(crate) port: u16,
    process: Process,
}

impl Coturn {
    /// Listens on a random port of a loopback address, for UDP, TCP and, with a certificate, TLS.
    pub(crate) async fn start(address: IpAddr, certificate: Option<&Path>, more: &[&str]) -> Self {
        crate::log();
        let folder = tempfile::tempdir().expect("make temporary folder");
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("log")).expect("create log");
        let mut command = Command::new("turnserver");
        command
            .args([
                "-n",
                "--verbose",
                "--log-file",
                "stdout",
                "--no-cli",
                "--no-dtls",
                "--allow-loopback-peers",
            ])
            .args(["--lt-cred-mech", "--realm", "test", "--user", &format!("{USER}:{PASSWORD}")])
            .args(["--listening-ip", &address.to_string(), "--listening-port", &port.to_string()])
            .args(["--tls-listening-port", &free_port().to_string()])
            .args(["--relay-ip", &address.to_string(), "--allocation-default-address-family", "keep"])
            .arg("--userdb")
            .arg(folder.path().join("users"))
            .arg("--pidfile")
            .arg(folder.path().join("pid"));
        if let Some(certificate) = certificate {
            command.arg("--cert").arg(certificate).arg("--pkey").arg(certificate.with_file_name("key.pem"));
        }
        command.args(more).stdin(Stdio::null()).stdout(log.try_clone().expect("share log")).stderr(log);
        let process = Process::start(&mut command).expect("Debian package coturn");
        let mut server = Self { folder, address, port, process };
        server.wait_until_ready().await;
        server
    }

    async fn wait_until_ready(&mut self) {
        for _ in 0..200 {
            if let Ok(Some(status)) = self.process.ended() {
                panic!("coturn ended with {status}:\n{}", self.log());
            }
            if tokio::net::TcpStream::connect((self.address, self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("coturn does not listen:\n{}", self.log());
    }

    /// The server as a configuration names it, with a URL whose `{}` stands for address and port.
    pub(crate) fn ice_server(&self, url: &str, password: &str) -> IceServer {
        let authority = std::net::SocketAddr::new(self.address, self.port).to_string();
        IceServer {
            urls: vec![url.replace("{}", &authority)],
            username: USER.to_owned(),
            password: password.to_owned(),
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Lines of the log that have a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Bytes to and from the peers of each session that ended.
    pub(crate) fn bytes_of_sessions(&self) -> Vec<u64> {
        let bytes = |line: &str| {
            let field = |name: &str| line.split(name).nth(1)?.split(',').next()?.trim().parse::<u64>().ok();
            Some(field(" rb=")? + field(" sb=")?)
        };
        self.log().lines().filter(|line| line.contains("peer usage")).filter_map(bytes).collect()
    }

    pub(crate) async fn wait_for(&self, text: &str, count: usize) {
        for _ in 0..200 {
            if self.count(text) >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("coturn does not say «{text}» {count} times:\n{}", self.log());
    }
}
