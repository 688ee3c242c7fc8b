//! A client of the simulator's sockets that knows nothing but frames.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::{SinkExt, StreamExt};
use livekit_api::access_token::{AccessToken, InferenceGrants};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::simulator::{LIVEKIT_KEY, LIVEKIT_SECRET, Simulator};

/// Long enough for what has to happen on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A token of the gateway's, as an agent signs it.
pub(crate) fn token(secret: &str) -> String {
    AccessToken::with_api_key(LIVEKIT_KEY, secret)
        .with_identity("agent")
        .with_inference_grants(InferenceGrants::default().with_perform())
        .with_ttl(Duration::from_secs(600))
        .to_jwt()
        .unwrap()
}

/// What a handshake is refused with.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// How a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    /// Without a word.
    Broken,
}

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a socket of the gateway.
    pub(crate) async fn gateway(simulator: &Simulator, path: &str) -> Self {
        Self::open(simulator, path, &token(LIVEKIT_SECRET)).await.unwrap()
    }

    pub(crate) async fn open(simulator: &Simulator, path: &str, bearer: &str) -> Result<Self, Refused> {
        let url = format!("{}{path}", simulator.url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        match timeout(LIMIT, connect_async(request)).await.expect("the handshake takes too long") {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = serde_json::from_slice(body).unwrap_or_default();
                Err(Refused { status: response.status().as_u16(), body })
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// As [`Self::send`], to a socket that may have ended.
    pub(crate) async fn try_send(&mut self, frame: Value) -> bool {
        self.0.send(Message::text(frame.to_string())).await.is_ok()
    }

    /// The next frame as text, or how the socket ended.
    pub(crate) async fn text(&mut self) -> Result<String, End> {
        loop {
            match timeout(LIMIT, self.0.next()).await.expect("nothing comes") {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(_))) => return Err(End::Closed),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End::Broken),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Result<Value, End> {
        Ok(serde_json::from_str(&self.text().await?).unwrap())
    }

    /// The frames up to one of a type, that one included.
    pub(crate) async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let frame = frame.unwrap_or_else(|end| panic!("{end:?} before {kind}: {frames:#?}"));
            let is_it = frame["type"] == kind;
            frames.push(frame);
            if is_it {
                return frames;
            }
        }
    }

    /// The frames up to the end of the socket.
    pub(crate) async fn rest(&mut self) -> (Vec<Value>, End) {
        let mut frames = Vec::new();
        loop {
            match self.next().await {
                Ok(frame) => frames.push(frame),
                Err(end) => return (frames, end),
            }
        }
    }

    /// Sends samples in pieces of 50 ms, as fast as they are taken; `false` where the socket ended before.
    pub(crate) async fn speak(&mut self, samples: &[i16], rate: u32, kind: &str) -> bool {
        for piece in samples.chunks(rate as usize / 20) {
            let bytes: Vec<u8> = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            if !self.try_send(json!({ "type": kind, "audio": BASE64_STANDARD.encode(bytes) })).await {
                return false;
            }
        }
        true
    }
}

/// The types of frames, in their order.
pub(crate) fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect()
}
