//! What the documented rights at NATS and at the store are enough for, and what they forbid.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use async_nats::jetstream;
use schemas::names;
use serde_json::{Value, json};
use test_servers::http::readyz;
use test_servers::{
    NatsServer, NatsUser, Process, SeaweedFsUser, all_settled, aws_policy, eventually, free_port, tool,
};

use crate::program::{NAME, event};
use crate::seaweedfs::SeaweedFs;

const BUCKET: &str = "doors";
const DAY: &str = "sessions/year=2025/month=10/day=29";

/// Servers that let in whom they are told of, each for what is documented.
struct Doors {
    nats: NatsServer,
    jetstream: jetstream::Context,
    store: Arc<SeaweedFs>,
    http: SocketAddr,
}

/// By whose keys a command reaches the store; at NATS the sink has its own user, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Operator,
    Sink,
    /// The sink with nothing but the right to put sessions.
    BareSink,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Sink => "sink-s3",
            Self::BareSink => "bare-sink",
        }
    }

    fn secret(self) -> String {
        format!("the secret of {}", self.name())
    }

    fn user(self) -> SeaweedFsUser {
        let policy = match self {
            Self::Operator => aws_policy("operator.json", BUCKET),
            Self::Sink => aws_policy("sink-s3.json", BUCKET),
            Self::BareSink => {
                let mut policy: Value = serde_json::from_str(&aws_policy("sink-s3.json", BUCKET)).unwrap();
                policy["Statement"].as_array_mut().unwrap().truncate(1);
                policy.to_string()
            }
        };
        let (name, access_key) = (self.name(), format!("key-of-{}", self.name()));
        SeaweedFsUser { name, access_key, secret_key: self.secret(), policy }
    }
}

impl Doors {
    async fn set_up() -> Self {
        let users = [Who::Operator, Who::Sink, Who::BareSink].map(Who::user);
        let (nats, store) = (NatsServer::start_with_users("").await, SeaweedFs::with_users(&users).await);
        store.create_bucket(BUCKET).await;
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let doors = Self { jetstream: nats.operator().await, nats, store, http };
        doors.succeed(Who::Operator, &["setup"]);
        doors
    }

    fn command(&self, who: Who, args: &[&str]) -> Command {
        let user = who.user();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sink-s3"));
        command.args(args).env_clear().env("SINK_S3_HTTP", self.http.to_string());
        command.env("S3_ENDPOINT", format!("http://127.0.0.1:{}", self.store.port)).env("S3_BUCKET", BUCKET);
        command.env("AWS_REGION", "us-east-1").env("AWS_ACCESS_KEY_ID", user.access_key);
        command.env("AWS_SECRET_ACCESS_KEY", user.secret_key).env("NATS_SYNC_INTERVAL", "always");
        match who {
            Who::Operator => command.env("NATS_URL", self.nats.operator_url()),
            Who::Sink | Who::BareSink => {
                let seed = self.nats.seed_file(NatsUser::SinkS3);
                command.env("NATS_URL", self.nats.url()).env("NATS_NKEY_FILE", seed)
            }
        };
        command
    }

    fn execute(&self, who: Who, args: &[&str]) -> Output {
        self.command(who, args).output().unwrap()
    }

    fn succeed(&self, who: Who, args: &[&str]) -> String {
        let output = self.execute(who, args);
        let printed = String::from_utf8(output.stdout).unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{who:?} {args:?}: {printed}{log}");
        printed
    }

    async fn publish(&self, payload: &str) {
        let ack = self.jetstream.publish(names::SESSION_ENDED_V1, payload.to_owned().into()).await.unwrap();
        ack.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_rights_are_enough() {
    let doors = Doors::set_up().await;
    let checked = doors.succeed(Who::Sink, &["check"]);
    assert!(
        checked.contains("✓ put: sessions/_check/") && checked.contains("✓ remove: and removed"),
        "{checked}"
    );
    let checked = doors.succeed(Who::BareSink, &["check"]);
    assert!(checked.contains("✓ read back: not allowed, and not needed"), "{checked}");
    assert!(checked.contains("✓ remove: the probe object stays"), "{checked}");

    let run = &mut doors.command(Who::BareSink, &["run"]);
    let mut sink = Process::start(run.stdout(Stdio::null())).unwrap();
    doors.publish(&event("room")).await;
    doors.publish("{").await;
    let settled = async || all_settled(&doors.jetstream, names::SESSIONS_STREAM, NAME).await;
    eventually("everything is settled", settled).await;
    readyz(doors.http, 200, "ready").await;
    assert!(sink.terminate().unwrap().success());
    let key = format!("{DAY}/room-AJ_1.json.gz");
    assert_eq!(doors.store.keys(BUCKET, "sessions/year=").await, [key]);

    let day = ["--from", "2025-10-29", "--to", "2025-10-29"];
    let of_day = |command: &str| doors.succeed(Who::Operator, &[&[command][..], &day].concat());
    assert!(of_day("verify").starts_with("1 events, 1 objects: 0 missing, 0 differing, 0 surplus"));
    assert_eq!(of_day("replay"), "written: 1, not written: 0\n");
    doors.succeed(Who::Operator, &["compact", "--day", "2025-10-29"]);
    assert_eq!(doors.store.keys(BUCKET, "sessions-parquet/").await.len(), 1);
    let letters = doors.succeed(Who::Operator, &["dead-letters", "list"]);
    assert_eq!(letters.lines().count(), 1, "{letters}");
    assert!(doors.succeed(Who::Operator, &["dead-letters", "drop", "--all"]).contains("removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_the_sink_may_not_execute_says_which_right_it_lacks() {
    let doors = Doors::set_up().await;
    doors.publish("{").await;
    let run = &mut doors.command(Who::Sink, &["run"]);
    let _sink = Process::start(run.stdout(Stdio::null())).unwrap();
    let listed = async || !doors.succeed(Who::Sink, &["dead-letters", "list"]).is_empty();
    eventually("a dead letter", listed).await;
    for (args, missing) in [
        (&["setup"][..], "$JS.API.CONSUMER.CREATE.SESSIONS.sink-s3"),
        (&["dead-letters", "drop", "--all"], "$JS.API.STREAM.MSG.DELETE.SESSIONS_DLQ"),
    ] {
        let output = doors.execute(Who::Sink, args);
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(log.contains("permissions violation") && log.contains(missing), "{args:?}: {log}");
        assert!(!log.contains("timed out"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_keys_the_sink_can_put_sessions_and_nothing_else() {
    let doors = Doors::set_up().await;
    doors.store.put(BUCKET, &format!("{DAY}/kept.json.gz"), b"kept".to_vec()).await;
    doors.store.put(BUCKET, "sessions-parquet/kept", b"kept".to_vec()).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rights.py");
    let done = |who: Who| -> Value {
        let user = who.user();
        let endpoint = format!("http://127.0.0.1:{}", doors.store.port);
        let mut python = Command::new(tool("python/bin/python"));
        python.arg(&script).args([endpoint.as_str(), BUCKET, &format!("{DAY}/kept.json.gz")]);
        python.env("AWS_ACCESS_KEY_ID", user.access_key).env("AWS_SECRET_ACCESS_KEY", user.secret_key);
        let output = python.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(done(Who::BareSink), json!(["put a session", "put the probe of check"]));
    assert_eq!(
        done(Who::Sink),
        json!([
            "put a session",
            "put the probe of check",
            "get the probe of check",
            "remove the probe of check"
        ])
    );
    let (_, kept) = doors.store.object(BUCKET, &format!("{DAY}/kept.json.gz")).await;
    assert_eq!(kept, b"kept");
    assert_eq!(doors.store.keys(BUCKET, "sessions-parquet/").await, ["sessions-parquet/kept"]);
}
