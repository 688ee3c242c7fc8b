//! What sockets there were: `GET /simulator/sockets`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::openai::OpenAi;
use crate::openai::faults::endpoint::Endpoint;

/// The sockets of each endpoint.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counters {
    stt: Count,
    tts: Count,
    realtime: Count,
}

/// The sockets of one endpoint, and what went over them.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Count {
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    /// Now.
    pub(crate) open: usize,
    /// At a time.
    most: usize,
    /// Refused because others are open.
    pub(crate) refused: u64,
    sound_ms: u64,
    characters: u64,
    /// Frames of the clients, by their type.
    taken: BTreeMap<&'static str, u64>,
    sent: BTreeMap<String, u64>,
}

impl Counters {
    pub(crate) fn of(&mut self, endpoint: Endpoint) -> &mut Count {
        match endpoint {
            Endpoint::Tts => &mut self.tts,
            Endpoint::Realtime => &mut self.realtime,
            _ => &mut self.stt,
        }
    }

    /// Forgets all but what is open.
    pub(crate) fn clear(&mut self) {
        for count in [&mut self.stt, &mut self.tts, &mut self.realtime] {
            let open = count.open;
            *count = Count { opened: open as u64, open, most: open, ..Count::default() };
        }
    }
}

pub(crate) async fn show(State(openai): State<OpenAi>) -> Json<Counters> {
    Json(openai.state().sockets.clone())
}

/// A socket that is counted as open for as long as this lives.
pub(crate) struct OpenSocket {
    openai: OpenAi,
    endpoint: Endpoint,
}

impl OpenSocket {
    /// `None` where `most` are open.
    pub(crate) fn new(openai: &OpenAi, endpoint: Endpoint, most: Option<usize>) -> Option<Self> {
        let mut state = openai.state();
        let count = state.sockets.of(endpoint);
        if most.is_some_and(|most| count.open >= most) {
            count.refused += 1;
            return None;
        }
        count.opened += 1;
        count.open += 1;
        count.most = count.most.max(count.open);
        Some(Self { openai: openai.clone(), endpoint })
    }

    pub(crate) fn took(&self, kind: &'static str) {
        self.change(|count| *count.taken.entry(kind).or_default() += 1);
    }

    pub(crate) fn sent(&self, kind: &str) {
        self.change(|count| match count.sent.get_mut(kind) {
            Some(sent) => *sent += 1,
            None => drop(count.sent.insert(kind.to_owned(), 1)),
        });
    }

    pub(crate) fn sound(&self, length: Duration) {
        let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        self.change(|count| count.sound_ms += length);
    }

    pub(crate) fn text(&self, text: &str) {
        self.change(|count| count.characters += text.chars().count() as u64);
    }

    fn change(&self, change: impl FnOnce(&mut Count)) {
        change(self.openai.state().sockets.of(self.endpoint));
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.change(|count| {
            count.closed += 1;
            count.open -= 1;
        });
    }
}
