//! A client that knows nothing of this project, and speaks HTTPS only: `simple_salesforce`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::keys::{self, openssl};

#[test]
fn simple_salesforce_gets_along_with_it_over_https() {
    let folder = tempfile::tempdir().unwrap();
    let private_key = folder.path().join("private.pem");
    std::fs::write(&private_key, &keys::trusted().private).unwrap();
    std::fs::write(folder.path().join("public.pem"), &keys::trusted().public).unwrap();
    certificate(folder.path());
    let simulator = Simulator::start(folder.path());
    let output = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/salesforce/client.py"))
        .arg(&simulator.address)
        .arg(&private_key)
        .arg(folder.path().join("certificate.pem"))
        .output()
        .expect("start python (POSTCALL_TOOLS)");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

/// For the hosts that the client insists on.
fn certificate(folder: &Path) {
    let key = folder.join("certificate-key.pem");
    let names = "subjectAltName=DNS:login.salesforce.com,DNS:test.salesforce.com,DNS:acme.my.salesforce.com";
    let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=simulator"];
    let files = ["-addext", names, "-keyout", key.to_str().unwrap(), "-out"];
    openssl(&[arguments.as_slice(), &files].concat(), &folder.join("certificate.pem"));
}

/// The real program; it ends with its owner.
struct Simulator {
    process: Child,
    address: String,
}

impl Simulator {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_salesforce-simulator"))
            .args(["--listen", "127.0.0.1:0", "--client-id", "key", "--username", "user@org.example"])
            .args(["--client-secret", "secret", "--instance-url", "https://acme.my.salesforce.com"])
            .arg("--public-key-file")
            .arg(folder.join("public.pem"))
            .arg("--seed-file")
            .arg(workspace().join("deploy/dev/salesforce-seed.json"))
            .arg("--tls-certificate-file")
            .arg(folder.join("certificate.pem"))
            .arg("--tls-private-key-file")
            .arg(folder.join("certificate-key.pem"))
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let mut lines = log.lines().map_while(Result::ok);
        let mut seen = Vec::new();
        let address = lines.find_map(|line| {
            seen.push(line.clone());
            Some(line.split_once("address=")?.1.trim().to_owned())
        });
        // What it logs later would fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address: address.unwrap_or_else(|| panic!("it does not listen: {seen:?}")) }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn python() -> PathBuf {
    let tools = std::env::var_os("POSTCALL_TOOLS").map_or_else(|| workspace().join(".tools"), PathBuf::from);
    tools.join("python/bin/python")
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
