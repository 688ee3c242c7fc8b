//! A NATS server with the stream of sessions.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType, Stream};
use schemas::names;
use test_servers::NatsServer;

/// A NATS server with the sessions' stream.
pub(crate) struct Nats(NatsServer);

impl Nats {
    pub(crate) async fn start() -> Self {
        Self::stopped(1024 * 1024).with_stream(-1).await
    }

    /// Starts with a stream that holds so many messages.
    pub(crate) async fn with_stream(mut self, max_messages: i64) -> Self {
        self.start_again().await;
        self.jetstream().await.create_stream(stream_config(max_messages)).await.unwrap();
        self
    }

    pub(crate) fn stopped(max_payload: usize) -> Self {
        let nats = Self(NatsServer::stopped());
        nats.set_max_payload(max_payload);
        nats
    }

    /// For the next start.
    pub(crate) fn set_max_payload(&self, max_payload: usize) {
        self.configure(&format!("max_payload: {max_payload}\n"));
    }

    pub(crate) async fn stream(&self) -> Stream {
        self.jetstream().await.get_stream(names::SESSIONS_STREAM).await.unwrap()
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

impl Deref for Nats {
    type Target = NatsServer;

    fn deref(&self) -> &NatsServer {
        &self.0
    }
}

impl DerefMut for Nats {
    fn deref_mut(&mut self) -> &mut NatsServer {
        &mut self.0
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
