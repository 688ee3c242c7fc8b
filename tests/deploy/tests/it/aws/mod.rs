//! `deploy/aws`: the template is applied, and each command of `sink-s3` works with its own policy and no other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rights;
mod template;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_deploy::{repository, tool};
use test_servers::{Process, aws_policy};

/// As `aws.py` has them.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";
const STACK: &str = "postcall";

const BUCKET: &str = "archive";

/// Each file with a policy, and the resource of the template that says the same.
const POLICIES: [(&str, &str); 6] = [
    ("sink-s3", "SinkS3Policy"),
    ("setup", "SetupPolicy"),
    ("compact", "CompactPolicy"),
    ("verify", "VerifyPolicy"),
    ("operator", "OperatorPolicy"),
    ("analyst", "AnalystPolicy"),
];

/// moto, as AWS after it has applied the template. It ends with its owner.
struct Aws {
    /// What `aws.py` told.
    told: Value,
    _process: Process,
}

impl Aws {
    fn start(request: &Value) -> Self {
        let script = repository().join("tests/deploy/tests/it/aws/aws.py");
        let mut python = Command::new(tool("deploy/bin/python"));
        python.arg(script).arg(template()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut python).unwrap();
        writeln!(process.child().stdin.as_ref().unwrap(), "{request}").unwrap();
        let mut line = String::new();
        BufReader::new(process.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).expect("moto has applied the template");
        Self { told, _process: process }
    }

    /// With these parameters besides the bucket's name.
    fn with(parameters: &[(&str, &str)]) -> Self {
        let mut all = json!({ "BucketName": BUCKET });
        for (name, value) in parameters {
            all[*name] = json!(value);
        }
        Self::start(&json!({ "parameters": all }))
    }

    fn properties(&self, resource: &str) -> &Value {
        &self.told["resources"][resource]["Properties"]
    }
}

fn template() -> PathBuf {
    repository().join("deploy/aws/postcall.yaml")
}

/// The policy of a file of `deploy/aws`, for the test's bucket.
fn policy(file: &str) -> Value {
    let text =
        aws_policy(&format!("{file}.json"), BUCKET).replace("REGION", REGION).replace("ACCOUNT", ACCOUNT);
    serde_json::from_str(&text.replace("WORKGROUP", STACK).replace("DATABASE", "postcall")).unwrap()
}
