//! A nats-server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{FromConsumer as _, pull};
use async_nats::{ConnectErrorKind, ConnectOptions, jetstream};
use tempfile::TempDir;

use crate::folder::copy_folder;
use crate::nats_users::{NatsUser, nats_users};
use crate::program::{Program, Signal};
use crate::{free_port, tool};

/// Who may do everything at a server with users, and the password.
const OPERATOR: (&str, &str) = ("operator", "may-do-everything");

/// A nats-server with JetStream on disk; it keeps its port and folder when it is started again.
#[derive(Debug)]
pub struct NatsServer {
    server: Program,
    port: u16,
    /// Last, so that it is removed after the server has ended.
    folder: TempDir,
}

impl NatsServer {
    /// Starts one with the server's own settings.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with these lines in its configuration.
    pub async fn start_with(configuration: &str) -> Self {
        let mut server = Self::stopped();
        server.configure(configuration);
        server.start_again().await;
        server
    }

    /// Starts one with the users of `deploy/nats/users.conf`, and these lines besides.
    pub async fn start_with_users(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("make a temporary folder");
        let (operator, password) = OPERATOR;
        let (users, variables) =
            nats_users(&seeds(&folder), operator, password).expect("make the keys of users");
        let mut server = Self::stopped_in(folder, &variables);
        server.configure(&format!("{users}\n{configuration}"));
        server.start_again().await;
        server
    }

    /// One that does not run yet.
    pub fn stopped() -> Self {
        Self::stopped_in(tempfile::tempdir().expect("make a temporary folder"), &[])
    }

    fn stopped_in(folder: TempDir, environment: &[(String, String)]) -> Self {
        let port = free_port();
        let (store, configuration) = (folder.path().to_string_lossy(), configuration(&folder));
        let mut arguments = vec!["--addr", "127.0.0.1", "--jetstream", "--store_dir", &store];
        let (number, configuration) = (port.to_string(), configuration.to_string_lossy());
        arguments.extend(["--port", &number, "--config", &configuration]);
        let log = folder.path().join("log");
        let environment = environment.iter().map(|(name, value)| (name, value));
        let server = Program::new(tool("bin/nats-server"), &arguments, environment, log);
        let server = Self { server, port, folder };
        server.configure("");
        server
    }

    /// Sets the lines of its configuration, from the next start on.
    pub fn configure(&self, lines: &str) {
        std::fs::write(configuration(&self.folder), lines).expect("write nats.conf");
    }

    /// Has it read the lines of its configuration while it runs: connections go on, with the rights that they have then.
    pub fn reload(&self) {
        self.server.signal("HUP").expect("signal nats-server");
    }

    /// Starts it and waits until JetStream answers.
    pub async fn start_again(&mut self) {
        self.spawn();
        self.answering().await;
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn spawn(&mut self) {
        self.server.start().expect("start nats-server: run «make tools»");
    }

    /// Waits until JetStream answers.
    pub(crate) async fn answering(&self) {
        let started = Instant::now();
        while !self.answers().await {
            let log = || self.server.end_of_log();
            assert!(started.elapsed() < Duration::from_secs(20), "nats-server does not answer: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// As `kill -9`; nothing happens where it does not run.
    pub fn kill(&mut self) {
        // One that ended already is no error.
        drop(self.server.stop(Signal::Kill));
    }

    /// Ends it as an operator does, so that it writes down what its files hold.
    pub fn stop(&mut self) {
        self.server.stop(Signal::Terminate).expect("end nats-server");
    }

    /// What its disk holds now: all that it would have after a power cut, if it synced nothing from now on.
    pub fn on_disk(&self) -> TempDir {
        let copy = tempfile::tempdir().expect("make a temporary folder");
        copy_folder(&store(&self.folder), copy.path()).expect("copy the server's disk");
        copy
    }

    /// Loses its power: it is gone at once, and so is what it did to its disk since. Go's programs call the kernel themselves, so
    /// nothing can be put between them and their `fsync`; what a cut leaves is put in the place of what they wrote.
    pub fn lose_power(&mut self, on_disk: &TempDir) {
        self.kill();
        std::fs::remove_dir_all(store(&self.folder)).expect("empty the server's disk");
        copy_folder(on_disk.path(), &store(&self.folder)).expect("copy the server's disk");
    }

    /// Loses its power, and with it what it wrote of one stream's messages since; all else had been synced.
    pub fn lose_messages(&mut self, stream: &str, on_disk: &TempDir) {
        self.kill();
        let messages = |store: PathBuf| store.join("$G/streams").join(stream).join("msgs");
        let (old, new) = (messages(on_disk.path().to_owned()), messages(store(&self.folder)));
        std::fs::remove_dir_all(&new).expect("remove the stream's messages");
        copy_folder(&old, &new).expect("copy the server's disk");
    }

    /// Changes the bytes of a stream's first file, as a disk does that fails. The server must not run.
    pub fn change_messages(&self, stream: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let file = store(&self.folder).join("$G/streams").join(stream).join("msgs/1.blk");
        let mut bytes = std::fs::read(&file).expect("read the stream's file");
        change(&mut bytes);
        std::fs::write(&file, bytes).expect("write the stream's file");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The URL for one of the users that the configuration names.
    pub fn url_for(&self, user: &str, password: &str) -> String {
        format!("nats://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// The operator's URL, of a server with users.
    pub fn operator_url(&self) -> String {
        let (operator, password) = OPERATOR;
        self.url_for(operator, password)
    }

    /// The file with a user's seed, of a server with users.
    pub fn seed_file(&self, user: NatsUser) -> String {
        user.seed_file(&seeds(&self.folder)).to_string_lossy().into_owned()
    }

    /// A connection of the operator's, of a server with users.
    pub async fn operator(&self) -> jetstream::Context {
        let (operator, password) = OPERATOR;
        let options = ConnectOptions::with_user_and_password(operator.to_owned(), password.to_owned());
        jetstream::new(options.connect(self.url()).await.expect("connect to nats-server"))
    }

    /// A connection of its own.
    pub async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.url()).await.expect("connect to nats-server"))
    }

    /// Publishes a message without a payload, as another client can that does not look at the header it sends: the server
    /// does not, either. The server has it when this returns.
    pub fn publish_with_header(&self, subject: &str, header: &[u8]) {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("connect to nats-server");
        let headers = [b"NATS/1.0\r\n", header, b"\r\n\r\n"].concat();
        let connect = "CONNECT {\"verbose\":false,\"headers\":true,\"lang\":\"x\",\"version\":\"1\"}";
        let publish = format!("{connect}\r\nHPUB {subject} {0} {0}\r\n", headers.len());
        let commands = [publish.as_bytes(), &headers, b"\r\nPING\r\n"].concat();
        socket.write_all(&commands).expect("write to nats-server");
        let mut answers = Vec::new();
        while !answers.ends_with(b"PONG\r\n") {
            let mut bytes = [0; 4096];
            let read = socket.read(&mut bytes).expect("read from nats-server");
            assert!(read > 0, "nats-server closed the connection");
            answers.extend_from_slice(&bytes[..read]);
        }
    }

    /// The port is open a moment before JetStream answers.
    async fn answers(&self) -> bool {
        match async_nats::connect(self.url()).await {
            Ok(client) => jetstream::new(client).query_account().await.is_ok(),
            // It lets in only the users that it names, or has a certificate of the test's.
            Err(error) => {
                error.kind() == ConnectErrorKind::AuthorizationViolation
                    || error.to_string().contains("certificate")
            }
        }
    }
}

fn store(folder: &TempDir) -> PathBuf {
    folder.path().join("jetstream")
}

/// Where the users' seeds are.
fn seeds(folder: &TempDir) -> PathBuf {
    folder.path().join("seeds")
}

fn configuration(folder: &TempDir) -> PathBuf {
    folder.path().join("nats.conf")
}

/// Has a consumer settled every message of its stream? What it counts as pending would not say: it hears of a message a
/// moment after the publisher has its ack.
pub async fn all_settled(jetstream: &jetstream::Context, stream: &str, consumer: &str) -> bool {
    let stream = jetstream.get_stream(stream).await.expect("look up the stream");
    let consumer = stream.consumer_info(consumer).await.expect("look up the consumer");
    consumer.ack_floor.stream_sequence == stream.cached_info().state.last_sequence
}

/// Sets after what time without an ack a consumer delivers a message again, as an operator could.
pub async fn set_ack_wait(jetstream: &jetstream::Context, stream: &str, consumer: &str, ack_wait: Duration) {
    let stream = jetstream.get_stream(stream).await.expect("look up the stream");
    let config = stream.consumer_info(consumer).await.expect("look up the consumer").config;
    let config = pull::Config::try_from_consumer_config(config).expect("a pull consumer");
    stream.create_consumer(pull::Config { ack_wait, ..config }).await.expect("change the consumer");
}
