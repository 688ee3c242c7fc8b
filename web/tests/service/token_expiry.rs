//! A token is for joining: a call that has begun goes on when it has expired.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::PATIENCE;

const KEY: &str = "devkey";
const SECRET: &str = "a secret of more than thirty-two characters";
/// livekit-server takes a token for so much longer than it says.
const LEEWAY_SECONDS: i64 = 60;

#[tokio::test]
async fn a_call_goes_on_when_its_token_has_expired() {
    let livekit = LiveKit::start();
    // The rights that a visitor's token has, for the 15 s that it takes a busy browser to join.
    let now = Utc::now().timestamp();
    let claims = json!({
        "iss": KEY,
        "sub": "caller",
        "nbf": now - 600,
        "exp": now - LEEWAY_SECONDS + 15,
        "video": { "roomJoin": true, "room": "call", "canPublish": true, "canSubscribe": true, "canPublishData": true },
    });
    let token = service::shared_secret_token(SECRET, &claims).unwrap();
    let mut script = Command::new("node");
    script.arg(workspace().join("tests/browser/reconnect.mjs")).arg(livekit.url()).arg(token);
    let output = tokio::task::spawn_blocking(move || script.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), livekit.log());
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let outcomes = json!({ "resume-reconnect": "connected", "full-reconnect": "connected" });
    assert_eq!(outcome, json!({ "refused": 401, "outcomes": outcomes }));
}

/// A livekit-server on ports of its own; it ends with its owner.
struct LiveKit {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl LiveKit {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let configuration = json!({
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "keys": { KEY: SECRET },
            "rtc": {
                "tcp_port": free_port(),
                "udp_port": free_port(),
                "node_ip": "127.0.0.1",
                "use_external_ip": false,
                "enable_loopback_candidate": true,
            },
        });
        // JSON is YAML, too.
        std::fs::write(folder.path().join("livekit.yaml"), configuration.to_string()).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let tools =
            std::env::var_os("POSTCALL_TOOLS").map_or_else(|| workspace().join(".tools"), PathBuf::from);
        let process = Command::new(tools.join("bin/livekit-server"))
            .arg("--config")
            .arg(folder.path().join("livekit.yaml"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port, folder };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "{}", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for LiveKit {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// One that is free for both protocols.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
