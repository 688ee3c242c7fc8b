//! SeaweedFS as a store that speaks S3.

use std::path::Path;

use serde_json::{Value, json};

/// What it takes beside its port: its other parts, and the gRPC port of each, which it keeps 10,000 above.
pub const SEAWEEDFS_PORTS: [u16; 7] = [1, 2, 3, 10_000, 10_001, 10_002, 10_003];

/// The arguments of `weed`: the S3 server, and what stands behind it, on the loopback interface, with its files in a folder
/// that exists and its [keys](seaweedfs_keys) in a file.
pub fn seaweedfs_arguments(port: u16, folder: &Path, keys: &Path) -> Vec<String> {
    let [master, volume, filer, ..] = SEAWEEDFS_PORTS.map(|distance| port + distance);
    let own = [
        format!("-dir={}", folder.display()),
        format!("-s3.config={}", keys.display()),
        format!("-s3.port={port}"),
        format!("-master.port={master}"),
        format!("-volume.port={volume}"),
        format!("-filer.port={filer}"),
    ];
    let fixed = ["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-master.telemetry=false"];
    // Table formats that nobody uses here, each with a port of its own; volumes, of which a bucket gets its own; and a disk
    // that may be nearly full, as one with builds on it is: at a hundredth free, the default, each write hangs for half a
    // minute and fails.
    let rest = [
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-volume.max=50",
        "-volume.minFreeSpace=100MiB",
        "-master.volumeSizeLimitMB=64",
    ];
    fixed.into_iter().chain(rest).map(str::to_owned).chain(own).collect()
}

/// Somebody who may do what a policy of AWS's form says.
#[derive(Debug, Clone)]
pub struct SeaweedFsUser {
    pub name: &'static str,
    pub access_key: String,
    pub secret_key: String,
    pub policy: String,
}

/// The content of its file with keys: one that may do everything, and others.
pub fn seaweedfs_keys(access_key: &str, secret_key: &str, others: &[SeaweedFsUser]) -> Value {
    let mut identities = vec![json!({
        "name": "postcall",
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        "credentials": [{ "accessKey": access_key, "secretKey": secret_key }],
    })];
    identities.extend(others.iter().map(|user| {
        json!({
            "name": user.name,
            "credentials": [{ "accessKey": user.access_key, "secretKey": user.secret_key }],
            "policyNames": [user.name],
        })
    }));
    let policy = |user: &SeaweedFsUser| json!({ "name": user.name, "content": user.policy });
    json!({ "identities": identities, "policies": others.iter().map(policy).collect::<Vec<_>>() })
}

/// A policy of `deploy/aws` for this bucket.
pub fn aws_policy(file: &str, bucket: &str) -> String {
    let file = crate::workspace().join("deploy/aws").join(file);
    std::fs::read_to_string(file).expect("read a policy").replace("BUCKET", bucket)
}
