//! Pairs of keys for signed assertions, made by openssl.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// An RSA key pair as PEM.
pub(crate) struct KeyPair {
    pub(crate) private: Vec<u8>,
    pub(crate) public: Vec<u8>,
}

/// The pair that the org trusts.
pub(crate) fn trusted() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(generate)
}

/// A pair that nobody knows.
pub(crate) fn generate() -> KeyPair {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = (folder.path().join("private.pem"), folder.path().join("public.pem"));
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"], &private);
    openssl(&["pkey", "-pubout", "-in", private.to_str().unwrap(), "-out"], &public);
    KeyPair { private: std::fs::read(private).unwrap(), public: std::fs::read(public).unwrap() }
}

pub(crate) fn openssl(arguments: &[&str], output: &Path) {
    let run = Command::new("openssl").args(arguments).arg(output).stdin(Stdio::null()).output().unwrap();
    assert!(run.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
}
