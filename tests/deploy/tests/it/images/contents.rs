//! What is in an image, read from the archive that `make images` has written.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use test_deploy::{repository, said};

use super::version;

pub(crate) struct Contents {
    /// How it is to be run.
    pub(crate) configuration: Value,
    /// Each file and folder with its mode and owner, such as `-rwxr-xr-x 0/0`.
    pub(crate) entries: BTreeMap<String, String>,
    root: TempDir,
}

impl Contents {
    pub(crate) fn of(program: &str) -> Self {
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let archive = format!("target/images/postcall-{program}-{}-{machine}.tar", version());
        let (layout, root) = (temporary(), temporary());
        tar("-xf", &repository().join(archive), layout.path());
        let blob = |of: &Value| {
            let digest = of["digest"].as_str().expect("a digest").replace(':', "/");
            layout.path().join("blobs").join(digest)
        };
        let manifest = json(&blob(&json(&layout.path().join("index.json"))["manifests"][0]));
        let mut entries = BTreeMap::new();
        for layer in manifest["layers"].as_array().expect("layers").iter().map(blob) {
            for line in tar("-tvzf", &layer, root.path()).lines() {
                let fields: Vec<&str> = line.split_whitespace().collect();
                assert_eq!(fields.len(), 6, "{line}");
                assert_eq!(fields[3..5], ["1970-01-01", "00:00"], "{line}");
                entries.insert(fields[5].to_owned(), fields[..2].join(" "));
            }
            tar("-xzf", &layer, root.path());
        }
        Self { configuration: json(&blob(&manifest["config"])), entries, root }
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.root.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

fn tar(how: &str, archive: &Path, folder: &Path) -> String {
    let mut command = Command::new("tar");
    command
        .args(["--numeric-owner", "--no-same-owner", how])
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .env("TZ", "UTC");
    let output = command.output().expect("run tar");
    assert!(output.status.success(), "run «make images»: {}", said(&output));
    said(&output)
}

fn json(file: &Path) -> Value {
    let text = std::fs::read(file).expect("read a file of the image");
    serde_json::from_slice(&text).expect("read JSON of the image")
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("make a temporary folder")
}
