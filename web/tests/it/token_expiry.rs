//! A token is for joining: a call that has begun goes on when it has expired.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
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
    let url = livekit.url();
    let (status, outcome, errors) = tokio::task::spawn_blocking(move || reconnect(&url)).await.unwrap();
    assert!(status.success(), "{errors}\n{}", livekit.log());
    let outcome: Value = serde_json::from_str(&outcome).unwrap();
    let outcomes = json!({ "resume-reconnect": "connected", "full-reconnect": "connected" });
    assert_eq!(outcome, json!({ "refused": 401, "outcomes": outcomes }));
}

/// Runs the browser, which gets its token when it is about to join. Status, outcome and errors.
fn reconnect(url: &str) -> (ExitStatus, String, String) {
    let mut script = Command::new("node")
        .arg(workspace().join("tests/browser/reconnect.mjs"))
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(script.stdout.take().unwrap());
    let (mut ready, mut outcome) = (String::new(), String::new());
    lines.read_line(&mut ready).unwrap();
    // A script that has ended says so by its status.
    drop(writeln!(script.stdin.take().unwrap(), "{}", token()));
    lines.read_to_string(&mut outcome).unwrap();
    let output = script.wait_with_output().unwrap();
    (output.status, outcome, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The rights that a visitor's token has, for 20 s.
fn token() -> String {
    let now = Utc::now().timestamp();
    let claims = json!({
        "iss": KEY,
        "sub": "caller",
        "nbf": now - 600,
        "exp": now - LEEWAY_SECONDS + 20,
        "video": { "roomJoin": true, "room": "call", "canPublish": true, "canSubscribe": true, "canPublishData": true },
    });
    service::shared_secret_token(SECRET, &claims).unwrap()
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
