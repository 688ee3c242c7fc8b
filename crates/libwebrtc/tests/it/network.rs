//! A client whose address changes. It needs a network of its own: namespaces, which only root may make.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use livekit::webrtc::audio_stream::native::NativeAudioStream;

use crate::participant::Participant;
use crate::server::Server;
use crate::tone::{Tone, record_if_alive};
use test_servers::Host;

const SERVER: &str = "10.213.7.1";
const PATIENCE: Duration = Duration::from_secs(60);

/// Two hosts with a cable between them; gone with the value.
struct Hosts {
    client: String,
    server: String,
}

impl Hosts {
    fn make() -> Result<Self, String> {
        let id = std::process::id();
        let hosts = Self { client: format!("client-{id}"), server: format!("server-{id}") };
        for name in [&hosts.client, &hosts.server] {
            ip(&format!("netns add {name}"))?;
            ip(&format!("-n {name} link set lo up"))?;
        }
        let Self { client, server } = &hosts;
        ip(&format!("-n {client} link add cable type veth peer name cable netns {server}"))?;
        ip(&format!("-n {server} addr add {SERVER}/24 dev cable"))?;
        ip(&format!("-n {client} addr add 10.213.7.2/24 dev cable"))?;
        for name in [client, server] {
            ip(&format!("-n {name} link set cable up"))?;
        }
        Ok(hosts)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in [&self.client, &self.server] {
            drop(ip(&format!("netns del {name}")));
        }
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let output: Output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .map_err(|error| format!("start ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

#[test]
fn a_client_that_moves_is_heard_again() {
    let hosts = match Hosts::make() {
        Ok(hosts) => hosts,
        Err(reason) => {
            println!("skipped, since this machine has no network namespaces for us: {reason}");
            return;
        }
    };
    let program = std::env::current_exe().expect("find the test program");
    let status = Command::new("ip")
        .args(["netns", "exec", &hosts.client])
        .arg(program)
        .args(["network::a_client_in_its_namespace_moves", "--exact", "--ignored", "--nocapture"])
        .env("SERVER_NAMESPACE", &hosts.server)
        .env("CLIENT_NAMESPACE", &hosts.client)
        .status()
        .expect("start the test program");
    assert!(status.success(), "the client that moved was not heard again");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_client_that_moves_is_heard_again"]
async fn a_client_in_its_namespace_moves() {
    let namespace = |name| std::env::var(name).expect("a namespace");
    let host = Host {
        address: SERVER.parse().expect("read address"),
        namespace: Some(namespace("SERVER_NAMESPACE")),
    };
    let server = Server::start_on(host, |configuration| {
        // With it, the server answers from its loopback address.
        configuration["rtc"]["enable_loopback_candidate"] = false.into();
    })
    .await;
    let mut listener = Participant::join(&server, "call", "listener").await;
    let speaker = Participant::join(&server, "call", "speaker").await;
    let _tone = Tone::publish(&speaker.local(), 440.0, 48_000).await;
    let mut stream = NativeAudioStream::new(listener.subscribed_audio().await, 16_000, 1);
    wait_for_tone(&mut stream).await;

    let client = namespace("CLIENT_NAMESPACE");
    ip(&format!("-n {client} addr del 10.213.7.2/24 dev cable")).expect("take the address");
    tokio::time::sleep(Duration::from_secs(1)).await;
    ip(&format!("-n {client} addr add 10.213.7.3/24 dev cable")).expect("give another address");
    let moved = Instant::now();
    // What was heard before may still wait to be read.
    while moved.elapsed() < Duration::from_secs(3) {
        record_if_alive(&mut stream, Duration::from_millis(100)).await.expect("the stream ended");
    }
    wait_for_tone(&mut stream).await;
    println!("heard again {:.1} s after the new address was there", moved.elapsed().as_secs_f64());
}

/// Reads until the tone is clear.
async fn wait_for_tone(stream: &mut NativeAudioStream) {
    let heard = async {
        loop {
            let heard = record_if_alive(stream, Duration::from_millis(500)).await.expect("the stream ended");
            if heard.signal_to_noise(440.0) > 25.0 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("the tone is not heard");
}
