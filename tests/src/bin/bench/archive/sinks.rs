//! The sinks that are compared, as programs on the same addresses.

use std::path::Path;

use anyhow::{Context, Result};
use schemas::names::{SESSIONS_STREAM, SESSIONS_SUBJECTS};
use serde_json::json;
use test_servers::{tool, workspace};
use tests::environment::{Environment, program};
use tests::process::Process;

use super::SINK;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sink {
    /// `sink-s3 run` with its own settings.
    Ours,
    /// nats-py and boto3 in 32 threads.
    Python,
    /// The package of that name.
    NatsSinks,
}

impl Sink {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Python => "Python",
            Self::NatsSinks => "nats-sinks",
        }
    }

    /// The process, not yet started; the environment names the store.
    pub(super) fn process(self, environment: &Environment, folder: &Path) -> Result<Process> {
        let log = folder.join(format!("{}.log", self.name()));
        // A log is of one drain.
        std::fs::write(&log, "").context("empty the log")?;
        let process = |program, arguments: &[&str]| Process::new(program, arguments, environment, log);
        Ok(match self {
            Self::Ours => process(program("sink-s3")?, &["run"]),
            Self::Python => {
                let script = workspace().join("tests/python/archive_peer.py");
                process(tool("peers/bin/python"), &[&script.to_string_lossy()])
            }
            Self::NatsSinks => {
                let file = folder.join("nats-sinks.json");
                std::fs::write(&file, nats_sinks(environment)?.to_string())
                    .context("write nats-sinks.json")?;
                process(tool("peers/bin/nats-sink"), &["run", &file.to_string_lossy()])
            }
        })
    }
}

/// As near to what the others do as it gets: gzip, a key of the event, written again where it is there.
fn nats_sinks(environment: &Environment) -> Result<serde_json::Value> {
    Ok(json!({
        "nats": {
            "url": environment.get("NATS_URL")?,
            "stream": SESSIONS_STREAM,
            "consumer": SINK,
            "subject": SESSIONS_SUBJECTS,
        },
        "consumer_management": { "mode": "bind_only" },
        "delivery": { "batch_size": 64, "max_retries": 1_000_000 },
        "sink": {
            "type": "s3",
            "bucket": environment.get("S3_BUCKET")?,
            "endpoint_url": environment.get("S3_ENDPOINT")?,
            "allow_http_for_local_testing": true,
            "region_name": environment.get("AWS_REGION")?,
            "credential_mode": "environment",
            "aws_access_key_id_env": "AWS_ACCESS_KEY_ID",
            "aws_secret_access_key_env": "AWS_SECRET_ACCESS_KEY",
            "prefix": "sessions",
            "key_strategy": "message_id",
            "duplicate_policy": "replace",
            "object_format": "payload",
            "metadata_mode": "none",
            "compression": "gzip",
            "object_suffix": ".json.gz",
            "max_retries": 5,
        },
    }))
}
