use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType, Stream};
use async_nats::jetstream::{self, message::StreamMessage};
use schemas::names;
use tempfile::TempDir;

/// A NATS server with JetStream on disk and a port that it keeps over restarts; ended on drop.
pub(crate) struct Nats {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Nats {
    pub(crate) async fn start() -> Self {
        let nats = Self::stopped(1024 * 1024).await;
        nats.with_stream(-1).await
    }

    /// With a stream that holds so many messages.
    pub(crate) async fn with_stream(mut self, max_messages: i64) -> Self {
        self.resume().await;
        self.context().await.create_stream(stream_config(max_messages)).await.unwrap();
        self
    }

    pub(crate) async fn stopped(max_payload: usize) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nats = Self { folder: TempDir::new().unwrap(), port, process: None };
        nats.set_max_payload(max_payload).await;
        nats
    }

    /// For the next start.
    pub(crate) async fn set_max_payload(&self, max_payload: usize) {
        let store = self.folder.path().join("store");
        let configuration = format!(
            "listen: 127.0.0.1:{}\nmax_payload: {max_payload}\njetstream {{ store_dir: {:?} }}\n",
            self.port, store
        );
        tokio::fs::write(self.folder.path().join("nats.conf"), configuration).await.unwrap();
    }

    pub(crate) async fn resume(&mut self) {
        let process = Command::new(tool("nats-server"))
            .arg("-c")
            .arg(self.folder.path().join("nats.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start nats-server (POSTCALL_TOOLS)");
        self.process = Some(process);
        // JetStream answers a moment after the port is open.
        for _ in 0..200 {
            if let Ok(client) = async_nats::connect(self.url()).await
                && jetstream::new(client).query_account().await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nats-server did not start");
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn context(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.url()).await.unwrap())
    }

    pub(crate) async fn stream(&self) -> Stream {
        self.context().await.get_stream(names::SESSIONS_STREAM).await.unwrap()
    }

    /// Every message of the stream, in order.
    pub(crate) async fn messages(&self) -> Vec<StreamMessage> {
        let mut stream = self.stream().await;
        let state = stream.info().await.unwrap().state.clone();
        let mut messages = Vec::new();
        for sequence in state.first_sequence.max(1)..=state.last_sequence {
            messages.push(stream.get_raw_message(sequence).await.unwrap());
        }
        assert_eq!(messages.len() as u64, state.messages);
        messages
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn stream_config(max_messages: i64) -> Config {
    Config {
        name: names::SESSIONS_STREAM.to_owned(),
        subjects: vec![names::SESSIONS_SUBJECTS.to_owned()],
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_messages,
        duplicate_window: Duration::from_secs(3600),
        ..Config::default()
    }
}

fn tool(name: &str) -> PathBuf {
    let tools = std::env::var_os("POSTCALL_TOOLS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.tools"), PathBuf::from);
    tools.join("bin").join(name)
}
