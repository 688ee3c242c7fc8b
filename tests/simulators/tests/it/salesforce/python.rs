//! A client that knows nothing of this project, and speaks HTTPS only: `simple_salesforce`.

use std::path::Path;
use std::process::Command;

use test_servers::{Listening, tool, workspace};

use crate::salesforce::keys::{self, openssl};

#[test]
fn simple_salesforce_gets_along_with_it_over_https() {
    let folder = tempfile::tempdir().unwrap();
    let private_key = folder.path().join("private.pem");
    std::fs::write(&private_key, &keys::trusted().private).unwrap();
    std::fs::write(folder.path().join("public.pem"), &keys::trusted().public).unwrap();
    certificate(folder.path());
    let simulator = simulator(folder.path());
    let output = Command::new(tool("python/bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/salesforce/client.py"))
        .arg(simulator.address())
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

/// The real program.
fn simulator(folder: &Path) -> Listening {
    Listening::start(
        Command::new(env!("CARGO_BIN_EXE_salesforce-simulator"))
            .args(["--listen", "127.0.0.1:0", "--client-id", "key", "--username", "user@org.example"])
            .args(["--client-secret", "secret", "--instance-url", "https://acme.my.salesforce.com"])
            .arg("--public-key-file")
            .arg(folder.join("public.pem"))
            .arg("--seed-file")
            .arg(workspace().join("deploy/dev/salesforce-seed.json"))
            .arg("--tls-certificate-file")
            .arg(folder.join("certificate.pem"))
            .arg("--tls-private-key-file")
            .arg(folder.join("certificate-key.pem")),
    )
}
