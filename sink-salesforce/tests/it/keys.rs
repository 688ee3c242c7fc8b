//! RSA keys for the app, made by OpenSSL.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// An RSA key pair as PEM.
pub(crate) struct KeyPair {
    pub(crate) private: String,
    pub(crate) public: String,
}

/// The pair that the org trusts.
pub(crate) fn trusted() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(generate)
}

/// A pair that nobody knows.
pub(crate) fn generate() -> KeyPair {
    let private = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "");
    let public = openssl(&["pkey", "-pubout"], &private);
    KeyPair { private, public }
}

fn openssl(arguments: &[&str], input: &str) -> String {
    let mut process = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start openssl");
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}
