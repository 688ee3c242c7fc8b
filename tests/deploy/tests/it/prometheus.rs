//! A Prometheus that scrapes the programs of a test every second.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use test_deploy::tool;
use test_servers::{Program, free_port};

/// Longer than an answer takes on a machine whose cores are all busy.
const LIMIT: Duration = Duration::from_secs(60);

/// It ends with its owner.
pub(crate) struct Prometheus {
    program: Program,
    port: u16,
}

impl Prometheus {
    /// Starts it, and waits for nothing. Its files are in a folder that is there.
    pub(crate) fn start(folder: &Path, rules: &Path, targets: &[String]) -> Self {
        // Prometheus reads YAML, and so JSON.
        let configuration = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules],
            "scrape_configs": [{ "job_name": "postcall", "static_configs": [{ "targets": targets }] }],
        });
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, configuration.to_string()).expect("write Prometheus's configuration");
        let port = free_port();
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.join("prometheus").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let log = folder.join("prometheus.log");
        let mut program = Program::new(tool("deploy/bin/prometheus"), &arguments, [], log);
        program.start().expect("start Prometheus");
        Self { program, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What a query gives; none while Prometheus starts.
    ///
    /// # Panics
    /// It cannot read the expression.
    pub(crate) fn query(&self, expression: &str) -> Option<Value> {
        let mut answer = ask(self.port, &format!("/api/v1/query?query={}", encoded(expression)))?;
        assert!(answer["status"] != "error", "{}: {expression}", answer["error"]);
        Some(answer["data"]["result"].take())
    }

    pub(crate) fn end_of_log(&self) -> String {
        self.program.end_of_log()
    }
}

/// The rules of all groups, with their states; none while Prometheus starts.
pub(crate) fn rules_of(port: u16) -> Option<Vec<Value>> {
    let answer = ask(port, "/api/v1/rules")?;
    let groups = answer["data"]["groups"].as_array()?;
    Some(groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).cloned().collect())
}

/// While it starts, its answers are no JSON.
fn ask(port: u16, path: &str) -> Option<Value> {
    serde_json::from_str(&get(port, path)?).ok()
}

/// The body of an answer, whatever its status; none while nothing answers. By HTTP 1.0, so that it comes in one piece.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// As it may stand in a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
