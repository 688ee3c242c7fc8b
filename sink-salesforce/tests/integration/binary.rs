//! The program itself: NATS on one side, Salesforce on the other.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use schemas::names;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::keys;
use crate::org::{LEAD, Org, session};

#[tokio::test]
async fn a_published_session_changes_the_lead() {
    let org = Org::start().await;
    let nats = Nats::start();
    let http = format!("127.0.0.1:{}", free_port());
    let setup = sink(&org, &nats).arg("setup").output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let _sink = Process(sink(&org, &nats).args(["run", "--http", &http]).spawn().unwrap());
    eventually("readiness", async || status(&format!("http://{http}/readyz")).await == Some(200)).await;

    let client = async_nats::connect(&nats.url).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    for message in [session("room", "test@company.com", 7), session("other", "nobody@nowhere.example", 8)] {
        let ack = jetstream.publish(names::SESSION_ENDED_V1, message.payload).await.unwrap();
        ack.await.unwrap();
    }
    eventually("the Lead", async || org.field(LEAD, "Last_Voice_Session__c") == "room").await;
    assert_eq!(org.field(LEAD, "Voice_Qualification_Tier__c"), json!("hot"));
    assert_eq!(org.counters().created, 0);

    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    eventually("both acks", async || {
        let info = stream.consumer_info(names::SINK_SALESFORCE).await.unwrap();
        (info.ack_floor.stream_sequence, info.num_ack_pending) == (2, 0)
    })
    .await;
    let metrics = reqwest::get(format!("http://{http}/metrics")).await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains(r#"outcome="updated""#) && metrics.contains(r#"outcome="no_match""#),
        "{metrics}"
    );
}

#[tokio::test]
async fn the_page_and_the_records_are_there_for_a_person() {
    let org = Org::start().await;
    let page = reqwest::get(&org.url).await.unwrap().text().await.unwrap();
    assert!(page.contains("Last voice session"));
    let records = reqwest::get(format!("{}/simulator/records", org.url)).await.unwrap().text().await.unwrap();
    let records: Value = serde_json::from_str(&records).unwrap();
    assert_eq!(records["Lead"][0]["Email"], "test@company.com");
    assert_eq!(status(&format!("{}/services/data/v68.0/limits", org.url)).await, Some(401));
    assert_eq!(status(&format!("{}/healthz", org.url)).await, Some(200));
}

fn sink(org: &Org, nats: &Nats) -> Command {
    let args = org.args();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sink-salesforce"));
    command
        .env_clear()
        .env("NATS_URL", &nats.url)
        .env("SALESFORCE_URL", &org.url)
        .env("SALESFORCE_CLIENT_ID", args.salesforce_client_id)
        .env("SALESFORCE_USERNAME", args.salesforce_username)
        .env("SALESFORCE_PRIVATE_KEY_FILE", org.key_file(keys::trusted()))
        .env("SALESFORCE_AUDIENCE", args.salesforce_audience);
    command
}

/// A NATS server with JetStream in a folder of its own.
struct Nats {
    url: String,
    _process: Process,
    _folder: TempDir,
}

impl Nats {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new(tool("nats-server"))
            .args(["--addr", "127.0.0.1", "--port", "-1", "--jetstream", "--store_dir"])
            .arg(folder.path())
            .arg("--ports_file_dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start nats-server (POSTCALL_TOOLS)");
        let process = Process(process);
        let until = Instant::now() + Duration::from_secs(10);
        let url = loop {
            if let Some(url) = published_url(folder.path()) {
                break url;
            }
            assert!(Instant::now() < until, "nats-server did not start");
            std::thread::sleep(Duration::from_millis(20));
        };
        Self { url, _process: process, _folder: folder }
    }
}

/// The address in the file that the server writes once it listens.
fn published_url(folder: &Path) -> Option<String> {
    let files = std::fs::read_dir(folder).unwrap().filter_map(Result::ok);
    let file =
        files.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "ports"))?;
    let ports: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    ports["nats"][0].as_str().map(str::to_owned)
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn tool(name: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tools = std::env::var_os("POSTCALL_TOOLS").map_or_else(|| workspace.join(".tools"), PathBuf::from);
    tools.join("bin").join(name)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn status(url: &str) -> Option<u16> {
    Some(reqwest::get(url).await.ok()?.status().as_u16())
}

async fn eventually(what: &str, happens: impl AsyncFn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !happens().await {
        assert!(Instant::now() < until, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
