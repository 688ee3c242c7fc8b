//! What was asked: `GET /simulator/requests`; `DELETE` forgets it, and the faults with it.

use std::collections::VecDeque;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::OpenAi;
use super::faults::endpoint::Endpoint;

/// Requests whose shapes are kept.
const KEPT: usize = 100;

/// Calls with the right key, the failed ones included; of sockets, that they were opened.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Requests {
    speech: u64,
    transcriptions: u64,
    chat: u64,
    stt: u64,
    tts: u64,
    realtime: u64,
    last: VecDeque<Shape>,
}

#[derive(Debug, Clone, Serialize)]
struct Shape {
    endpoint: Endpoint,
    request: Value,
}

impl Requests {
    pub(crate) fn count(&mut self, endpoint: Endpoint) {
        *match endpoint {
            Endpoint::Speech => &mut self.speech,
            Endpoint::Transcriptions => &mut self.transcriptions,
            Endpoint::Chat => &mut self.chat,
            Endpoint::Stt => &mut self.stt,
            Endpoint::Tts => &mut self.tts,
            Endpoint::Realtime => &mut self.realtime,
        } += 1;
    }

    /// Keeps what was asked: texts, but no audio.
    pub(crate) fn keep(&mut self, endpoint: Endpoint, request: Value) {
        self.last.truncate(KEPT - 1);
        self.last.push_front(Shape { endpoint, request });
    }
}

/// `GET /simulator/requests`: the counts, and the last requests, the newest first.
pub(crate) async fn show(State(openai): State<OpenAi>) -> Json<Requests> {
    Json(openai.state().requests.clone())
}

pub(crate) async fn clear(State(openai): State<OpenAi>) -> StatusCode {
    let mut state = openai.state();
    state.requests = Requests::default();
    state.faults.clear();
    state.sockets.clear();
    state.last_minute.clear();
    StatusCode::NO_CONTENT
}
