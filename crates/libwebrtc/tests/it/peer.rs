//! A peer connection without LiveKit around it.

use std::time::Duration;

use livekit::webrtc::peer_connection::IceCandidateError;
use livekit::webrtc::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Peer {
    pub(crate) connection: PeerConnection,
    candidate_rx: UnboundedReceiver<IceCandidate>,
    error_rx: UnboundedReceiver<IceCandidateError>,
    /// The candidates that were taken.
    pub(crate) seen: Vec<String>,
}

/// Both ends of an open channel; what arrives at the second one is sent back.
pub(crate) struct Channels {
    first: DataChannel,
    echo_rx: tokio::sync::Mutex<UnboundedReceiver<Vec<u8>>>,
    _second: DataChannel,
}

impl Peer {
    pub(crate) fn new(configuration: RtcConfiguration) -> Self {
        crate::log();
        let factory = PeerConnectionFactory::default();
        let connection = factory.create_peer_connection(configuration).expect("make peer connection");
        let (candidate_tx, candidate_rx) = unbounded_channel();
        connection.on_ice_candidate(Some(Box::new(move |candidate| drop(candidate_tx.send(candidate)))));
        let (error_tx, error_rx) = unbounded_channel();
        connection.on_ice_candidate_error(Some(Box::new(move |error| drop(error_tx.send(error)))));
        Self { connection, candidate_rx, error_rx, seen: Vec::new() }
    }

    /// Makes a channel and an offer of it, whereupon gathering starts.
    pub(crate) async fn offer(&self) -> (DataChannel, SessionDescription) {
        let channel =
            self.connection.create_data_channel("test", DataChannelInit::default()).expect("channel");
        let offer = self.connection.create_offer(OfferOptions::default()).await.expect("create offer");
        self.connection.set_local_description(offer.clone()).await.expect("set offer");
        (channel, offer)
    }

    /// The candidate lines of an offer that is made now.
    pub(crate) async fn offered_lines(&self) -> Vec<String> {
        let offer = self.connection.create_offer(OfferOptions::default()).await.expect("create offer");
        let text = offer.to_string();
        text.lines().filter(|line| line.starts_with("a=candidate:")).map(str::to_owned).collect()
    }

    /// The next candidate that has a text.
    pub(crate) async fn candidate(&mut self, text: &str) -> String {
        let found = async {
            loop {
                let candidate = self.candidate_rx.recv().await.expect("the connection ended").candidate();
                self.seen.push(candidate.clone());
                if candidate.contains(text) {
                    return candidate;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("no candidate with «{text}»"))
    }

    pub(crate) async fn error(&mut self) -> IceCandidateError {
        let error = tokio::time::timeout(PATIENCE, self.error_rx.recv()).await.expect("no error");
        error.expect("the connection ended")
    }

    /// Connects with another, and opens a channel.
    pub(crate) async fn connect(&mut self, other: &mut Self) -> Channels {
        let (opened_tx, mut opened_rx) = unbounded_channel();
        other.connection.on_data_channel(Some(Box::new(move |channel| drop(opened_tx.send(channel)))));
        let (first, offer) = self.offer().await;
        other.connection.set_remote_description(offer).await.expect("take offer");
        let answer = other.connection.create_answer(AnswerOptions::default()).await.expect("create answer");
        other.connection.set_local_description(answer.clone()).await.expect("set answer");
        self.connection.set_remote_description(answer).await.expect("take answer");
        let trickle = async {
            loop {
                let (to, candidate, seen) = tokio::select! {
                    Some(candidate) = self.candidate_rx.recv() => (&other.connection, candidate, &mut self.seen),
                    Some(candidate) = other.candidate_rx.recv() => (&self.connection, candidate, &mut other.seen),
                };
                to.add_ice_candidate(candidate.clone()).await.expect("add candidate");
                seen.push(candidate.candidate());
            }
        };
        let second = async {
            tokio::select! {
                channel = opened_rx.recv() => channel.expect("the connection ended"),
                () = trickle => unreachable!("candidates end with the connection"),
            }
        };
        let second = tokio::time::timeout(PATIENCE, second).await.expect("the peers do not connect");
        let (echo_tx, echo_rx) = unbounded_channel();
        first.on_message(Some(Box::new(move |message| drop(echo_tx.send(message.data.to_vec())))));
        let echo = second.clone();
        second.on_message(Some(Box::new(move |message| echo.send(message.data, true).expect("send back"))));
        let open = async {
            while first.state() != DataChannelState::Open {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, open).await.expect("the channel does not open");
        let channels = Channels { first, echo_rx: tokio::sync::Mutex::new(echo_rx), _second: second };
        assert_eq!(channels.echo(b"hello").await, b"hello");
        channels
    }
}

impl Channels {
    /// What comes back of a message.
    pub(crate) async fn echo(&self, message: &[u8]) -> Vec<u8> {
        self.first.send(message, true).expect("send message");
        let mut echo_rx = self.echo_rx.lock().await;
        let received = tokio::time::timeout(PATIENCE, echo_rx.recv()).await.expect("no message comes back");
        received.expect("the connection ended")
    }
}
