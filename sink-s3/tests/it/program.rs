//! The program itself, its own NATS and bucket.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::{self, consumer::PullConsumer};
use schemas::names;
use test_servers::{NatsServer, Process, eventually, free_port};

use crate::seaweedfs::{ACCESS_KEY, SECRET_KEY, SeaweedFs};

/// Of the sink under test, and so of its durable consumer.
pub(crate) const NAME: &str = env!("CARGO_PKG_NAME");

/// What one test has for itself; the store it shares.
pub(crate) struct Stage {
    _nats: NatsServer,
    /// Where the program finds it, or another one in its place.
    pub(crate) nats_url: String,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) store: Arc<SeaweedFs>,
    pub(crate) bucket: String,
    pub(crate) endpoint: SocketAddr,
    /// Path of the endpoint.
    pub(crate) path: &'static str,
    pub(crate) http: SocketAddr,
    /// What the programs are told besides.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Stage {
    /// Servers, but neither streams nor a bucket.
    pub(crate) async fn bare() -> Self {
        let (nats, store) = (NatsServer::start().await, SeaweedFs::shared().await);
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let http = local(free_port());
        Self {
            jetstream: nats.jetstream().await,
            nats_url: nats.url(),
            _nats: nats,
            endpoint: local(store.port),
            path: "",
            store,
            bucket: format!("archive-{}", http.port()),
            http,
            environment: Vec::new(),
        }
    }

    pub(crate) async fn set_up() -> Self {
        let stage = Self::bare().await;
        stage.succeed(&["setup", "--create-bucket"]);
        stage
    }

    /// Runs a command to its end.
    pub(crate) fn execute(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts a command, of which output and log are kept.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// As [`Self::execute`]; what it printed.
    pub(crate) fn succeed(&self, args: &[&str]) -> String {
        let output = self.execute(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// As [`Self::execute`], of a command that must fail; what it logged.
    pub(crate) fn fail(&self, args: &[&str]) -> String {
        let output = self.execute(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn run(&self) -> Program {
        self.run_with(&[])
    }

    pub(crate) fn run_with(&self, flags: &[&str]) -> Program {
        let mut command = self.command(&["run"]);
        Program(Process::start(command.args(flags).stdout(Stdio::null())).unwrap())
    }

    /// Without keys in its environment, but in the file of a profile.
    pub(crate) fn run_with_keys_of(&self, file: &Path) -> Program {
        let mut command = self.command(&["run"]);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.env("AWS_SHARED_CREDENTIALS_FILE", file).env("AWS_EC2_METADATA_DISABLED", "true");
        Program(Process::start(command.stdout(Stdio::null())).unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sink-s3"));
        command
            .args(args)
            .env_clear()
            .env("NATS_URL", &self.nats_url)
            .env("NATS_SYNC_INTERVAL", "always")
            .env("S3_ENDPOINT", format!("http://{}{}", self.endpoint, self.path))
            .env("S3_BUCKET", &self.bucket)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("SINK_S3_HTTP", self.http.to_string())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) async fn publish(&self, message_id: &str, payload: impl AsRef<[u8]>) {
        let mut headers = HeaderMap::new();
        headers.insert(names::header::MESSAGE_ID, message_id);
        let payload = payload.as_ref().to_vec().into();
        let ack =
            self.jetstream.publish_with_headers(names::SESSION_ENDED_V1, headers, payload).await.unwrap();
        ack.await.unwrap();
    }

    pub(crate) async fn consumer(&self) -> PullConsumer {
        self.jetstream.get_consumer_from_stream(NAME, names::SESSIONS_STREAM).await.unwrap()
    }

    /// Waits until everything that was published is settled.
    pub(crate) async fn all_settled(&self) {
        eventually("everything is settled", async || {
            test_servers::all_settled(&self.jetstream, names::SESSIONS_STREAM, NAME).await
        })
        .await;
    }

    pub(crate) async fn dead_letters(&self) -> u64 {
        self.jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap().cached_info().state.messages
    }
}

/// The running program, killed on drop.
pub(crate) struct Program(Process);

impl Program {
    /// SIGTERM; how long it took to end. It must end without an error.
    pub(crate) fn terminate(mut self) -> Duration {
        let started = Instant::now();
        assert!(self.0.terminate().unwrap().success());
        started.elapsed()
    }
}

/// An event as the agent publishes it.
pub(crate) fn event(session_id: &str) -> String {
    format!(
        r#"{{"session_id":"{session_id}","job_id":"AJ_1","end_time":"2025-10-29T12:34:56.789Z","user_email":"a@x.org"}}"#
    )
}
