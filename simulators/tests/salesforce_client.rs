//! Clients that know nothing of this project use the simulated Salesforce: `simple_salesforce` and plain requests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[test]
fn python_clients_get_along_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = (folder.path().join("private.pem"), folder.path().join("public.pem"));
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"], &private);
    openssl(&["pkey", "-pubout", "-in", private.to_str().unwrap(), "-out"], &public);
    let (_simulator, url) = start(&public);
    let output = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/salesforce_client.py"))
        .arg(url)
        .arg(&private)
        .output()
        .expect("start python (POSTCALL_TOOLS)");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

/// The simulator and its address.
fn start(public_key: &Path) -> (Process, String) {
    let seed = workspace().join("deploy/dev/salesforce-seed.json");
    let mut process = Command::new(env!("CARGO_BIN_EXE_salesforce-simulator"))
        .args(["--listen", "127.0.0.1:0", "--client-id", "key", "--username", "user@org.example"])
        .arg("--public-key-file")
        .arg(public_key)
        .arg("--seed-file")
        .arg(seed)
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(process.stderr.take().unwrap());
    let process = Process(process);
    let mut lines = log.lines().map_while(Result::ok);
    let address = lines.find_map(|line| Some(line.split_once("address=")?.1.trim().to_owned()));
    (process, format!("http://{}", address.expect("the simulator says where it listens")))
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn openssl(arguments: &[&str], output: &Path) {
    let status = Command::new("openssl").args(arguments).arg(output).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "openssl {arguments:?}");
}

fn python() -> PathBuf {
    let tools = std::env::var_os("POSTCALL_TOOLS").map_or_else(|| workspace().join(".tools"), PathBuf::from);
    tools.join("python/bin/python")
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
