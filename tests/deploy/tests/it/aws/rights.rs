//! What each policy is enough for, and what it forbids: `sink-s3` between a nats-server and moto, which asks IAM at each request.
//!
//! What moto cannot show: conditions of policies (`kms:ViaService`, TLS), rights at keys, at Glue and at Athena's own resources. And it
//! asks for `s3:HeadBucket`, which IAM does not know, where S3 asks for `s3:ListBucket`; `sink-s3` then lists, and is let in.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use serde_json::{Map, Value, json};
use test_deploy::{program, said};
use test_servers::http::readyz;
use test_servers::{NatsServer, Process, all_settled, eventually, free_port};

use super::{Aws, BUCKET, POLICIES, REGION, policy};

const DAY: &str = "2025-10-29";
const STREAM: &str = "SESSIONS";
const SUBJECT: &str = "sessions.ended.v1";

/// A session that is in the stream, and in the bucket as another program has compressed it: `verify` has to read it.
const ARCHIVED: &str = "archived";

struct Stage {
    aws: Aws,
    nats: NatsServer,
    http: SocketAddr,
}

impl Stage {
    /// With users, each with its policy.
    async fn set_up(users: Map<String, Value>) -> Self {
        let key = format!("sessions/year=2025/month=10/day=29/{ARCHIVED}-AJ_1.json.gz");
        let sessions = json!({ key: event(ARCHIVED) });
        let parameters = json!({
            "BucketName": BUCKET,
            "OidcProviderArn": "arn:aws:iam::123456789012:oidc-provider/oidc.example.org",
        });
        let aws = Aws::start(&json!({ "parameters": parameters, "users": users, "sessions": sessions }));
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let stage = Self { aws, nats: NatsServer::start().await, http };
        let output = stage.execute("setup", "setup");
        assert!(output.status.success(), "{}", said(&output));
        stage.publish(ARCHIVED).await;
        stage
    }

    async fn publish(&self, session_id: &str) {
        let jetstream = self.nats.jetstream().await;
        jetstream.publish(SUBJECT, event(session_id).into()).await.unwrap().await.unwrap();
    }

    async fn all_settled(&self) {
        let jetstream = self.nats.jetstream().await;
        eventually("everything is settled", async || all_settled(&jetstream, STREAM, "sink-s3").await).await;
    }

    /// A command with a user's key.
    fn command(&self, user: &str, command: &str) -> Command {
        let keys = &self.aws.told["keys"][user];
        let mut sink = self.without_keys(command);
        sink.env("AWS_ACCESS_KEY_ID", keys[0].as_str().unwrap());
        sink.env("AWS_SECRET_ACCESS_KEY", keys[1].as_str().unwrap());
        sink
    }

    fn without_keys(&self, command: &str) -> Command {
        let mut sink = Command::new(program("sink-s3"));
        sink.arg(command).env_clear().stdout(Stdio::null());
        match command {
            "verify" | "replay" => sink.args(["--from", DAY, "--to", DAY]),
            // Where nothing has changed, it would neither read nor write.
            "compact" => sink.args(["--day", DAY, "--force"]),
            _ => &mut sink,
        };
        sink.env("NATS_URL", self.nats.url()).env("NATS_SYNC_INTERVAL", "always");
        sink.env("SINK_S3_HTTP", self.http.to_string()).env("S3_BUCKET", BUCKET).env("AWS_REGION", REGION);
        sink.env("S3_ENDPOINT", self.endpoint()).env("AWS_EC2_METADATA_DISABLED", "true");
        sink
    }

    fn endpoint(&self) -> &str {
        self.aws.told["endpoint"].as_str().unwrap()
    }

    fn execute(&self, user: &str, command: &str) -> Output {
        self.command(user, command).stdout(Stdio::piped()).output().unwrap()
    }

    fn run(&self, user: &str) -> Process {
        Process::start(&mut self.command(user, "run")).unwrap()
    }
}

fn event(session_id: &str) -> String {
    let end = format!("{DAY}T12:34:56.789Z");
    json!({ "session_id": session_id, "job_id": "AJ_1", "end_time": end, "user_email": "a@x.org" })
        .to_string()
}

/// A user for each policy of the template.
fn one_for_each_policy() -> Map<String, Value> {
    POLICIES.map(|(file, resource)| (file.to_owned(), json!(resource))).into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_works_with_its_own_policy_and_says_what_it_lacks_with_another() {
    let stage = Stage::set_up(one_for_each_policy()).await;
    // In this order: what replay writes, verify does not have to read.
    for (command, enough) in [
        ("setup", &["setup", "compact", "verify", "operator", "analyst"][..]),
        ("check", &["sink-s3", "operator"]),
        ("verify", &["verify", "compact", "operator"]),
        ("compact", &["compact", "operator"]),
        ("replay", &["sink-s3", "operator"]),
    ] {
        for (user, _) in POLICIES {
            let output = stage.execute(user, command);
            let log = said(&output);
            assert_eq!(output.status.success(), enough.contains(&user), "{command} as {user}: {log}");
            assert!(output.status.success() || log.contains("allow s3:"), "{command} as {user}: {log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_archives_with_the_policy_of_the_sink_and_waits_with_another() {
    let stage = Stage::set_up(one_for_each_policy()).await;
    stage.publish("first").await;
    for user in ["setup", "compact", "verify", "analyst"] {
        let mut sink = stage.run(user);
        readyz(stage.http, 503, "403 AccessDenied; allow s3:PutObject below the prefix").await;
        assert!(sink.terminate().unwrap().success(), "{user}");
    }
    for (user, session) in [("sink-s3", "second"), ("operator", "third")] {
        let mut sink = stage.run(user);
        stage.publish(session).await;
        stage.all_settled().await;
        readyz(stage.http, 200, "ready").await;
        assert!(sink.terminate().unwrap().success(), "{user}");
    }
    let verified = said(&stage.execute("verify", "verify"));
    assert!(verified.contains("4 events, 4 objects: 0 missing, 0 differing, 0 surplus"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_right_of_its_policy_a_command_says_which() {
    let mut users = one_for_each_policy();
    let mut cases = Vec::new();
    for (file, _) in POLICIES.iter().filter(|(file, _)| *file != "analyst") {
        for left_out in rights(&policy(file)) {
            let (action, resource) = &left_out;
            let others = rights(&policy(file)).into_iter().filter(|right| *right != left_out);
            let statements: Vec<_> = others
                .map(
                    |(action, resource)| json!({ "Effect": "Allow", "Action": action, "Resource": resource }),
                )
                .collect();
            let user = format!("{file}-{}", cases.len());
            users.insert(user.clone(), json!({ "Version": "2012-10-17", "Statement": statements }));
            let below = resource.split_once(BUCKET).unwrap().1;
            if let Some((command, says)) = shown_by(file, action, below) {
                cases.push((user, command, says, left_out));
            }
        }
    }
    let stage = Stage::set_up(users).await;
    assert_eq!(cases.len(), 15);
    for (user, command, says, left_out) in cases {
        let output = stage.execute(&user, command);
        let log = said(&output);
        // `check` passes without the rights to what it has put: they are no rights of `run`.
        let passes = says.starts_with('✓');
        assert_eq!(output.status.success(), passes, "{command} without {left_out:?}: {log}");
        assert!(log.contains(says), "{command} without {left_out:?}: {log}");
    }
}

/// Action and resource, of which a policy has each pair.
fn rights(policy: &Value) -> Vec<(String, String)> {
    let texts = |value: &Value| match value {
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    let statements = policy["Statement"].as_array().unwrap().iter();
    let pairs = statements.flat_map(|statement| {
        let resources = texts(&statement["Resource"]);
        let pairs =
            |action: String| resources.clone().into_iter().map(move |resource| (action.clone(), resource));
        texts(&statement["Action"]).into_iter().flat_map(pairs).collect::<Vec<_>>()
    });
    pairs.collect()
}

/// The command of a policy that does not work without a right, and what it says.
fn shown_by(file: &str, action: &str, below: &str) -> Option<(&'static str, &'static str)> {
    Some(match (file, action, below) {
        ("sink-s3", "s3:PutObject", _) => ("check", "→ allow s3:PutObject below the prefix"),
        ("sink-s3", "s3:GetObject", _) => ("check", "✓ read back: not allowed, and not needed"),
        ("sink-s3", "s3:DeleteObject", _) => ("check", "✓ remove: the probe object stays"),
        ("setup", "s3:ListBucket", _) => ("setup", "whether it is there (403); allow s3:ListBucket"),
        ("compact", "s3:ListBucket", _) => ("compact", "403 AccessDenied; allow s3:ListBucket"),
        ("compact", "s3:GetObject", "/sessions/*") => ("compact", "403 AccessDenied; allow s3:GetObject"),
        (_, "s3:GetObject", "/sessions-parquet/*") => ("compact", "look up sessions-parquet/"),
        (_, "s3:PutObject", "/sessions-parquet/*") => ("compact", "403 AccessDenied; allow s3:PutObject"),
        (_, "s3:ListBucket", _) => ("verify", "403 AccessDenied; allow s3:ListBucket"),
        (_, "s3:GetObject", "/sessions/*") => ("verify", "403 AccessDenied; allow s3:GetObject"),
        ("operator", "s3:PutObject", "/sessions/*") => ("replay", "403 AccessDenied; allow s3:PutObject"),
        // Asked for only when a file of more than 16 MiB breaks off.
        (_, "s3:AbortMultipartUpload", _) => return None,
        other => panic!("no command shows {other:?}"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_gets_in_by_its_token() {
    let stage = Stage::set_up(one_for_each_policy()).await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "as the cluster writes it").unwrap();
    let as_role = |role: &str, command: &str| {
        let mut sink = stage.without_keys(command);
        sink.env("AWS_ROLE_ARN", stage.aws.told["roles"][role]["arn"].as_str().unwrap());
        sink.env("AWS_WEB_IDENTITY_TOKEN_FILE", &token).env("AWS_ENDPOINT_URL_STS", stage.endpoint());
        sink.stdout(Stdio::piped()).output().unwrap()
    };
    for (role, own, of_another) in [
        ("SinkS3Role", "check", "verify"),
        ("VerifyRole", "verify", "check"),
        ("CompactRole", "compact", "check"),
    ] {
        let output = as_role(role, own);
        assert!(output.status.success(), "{role} {own}: {}", said(&output));
        let output = as_role(role, of_another);
        assert!(
            !output.status.success() && said(&output).contains("allow s3:"),
            "{role} {of_another}: {}",
            said(&output)
        );
    }
}
