//! A livekit-server of the test's own.

use std::time::Duration;

use livekit_api::access_token::{AccessToken, VideoGrants};
use serde_json::Value;
use test_servers::{Host, KEY, LiveKitServer, SECRET};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Ends with the value.
pub(crate) struct Server(LiveKitServer);

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Like [`start`](Self::start), with changes to the configuration: the content of livekit.yaml, as a tree.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Value)) -> Self {
        Self::start_on(Host::LOCAL, change).await
    }

    /// Listens on an address that may be another host's.
    pub(crate) async fn start_on(host: Host, change: impl FnOnce(&mut Value)) -> Self {
        crate::log();
        let mut server = Self(LiveKitServer::spawn_on(host, change));
        server.wait_until_ready().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    pub(crate) fn token(&self, room: &str, identity: &str, metadata: &str) -> String {
        AccessToken::with_api_key(KEY, SECRET)
            .with_identity(identity)
            .with_metadata(metadata)
            .with_grants(VideoGrants { room_join: true, room: room.to_owned(), ..VideoGrants::default() })
            .to_jwt()
            .expect("sign token")
    }

    /// Ends the room for all who are in it.
    pub(crate) async fn delete_room(&self, room: &str) {
        let token = AccessToken::with_api_key(KEY, SECRET)
            .with_grants(VideoGrants { room_create: true, ..VideoGrants::default() })
            .to_jwt()
            .expect("sign token");
        let body = serde_json::json!({ "room": room }).to_string();
        let request = format!(
            "POST /twirp/livekit.RoomService/DeleteRoom HTTP/1.1\r\nHost: livekit\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        let address = self.url().trim_start_matches("ws://").to_owned();
        let mut connection = TcpStream::connect(address).await.expect("connect");
        connection.write_all(request.as_bytes()).await.expect("ask");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.expect("read answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Kills the server and starts it again on the same ports after `pause`.
    pub(crate) async fn restart(&mut self, pause: Duration) {
        self.0.kill();
        tokio::time::sleep(pause).await;
        self.0.spawn_again();
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&mut self) {
        for _ in 0..600 {
            if self.0.answers() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("livekit-server does not listen:\n{}", self.0.log());
    }
}
