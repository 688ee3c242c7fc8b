//! What the sockets of both kinds have in common on the wire.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::sockets::Dialect;

/// One session on a socket.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    pub(crate) session_id: String,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        Self { session_id: format!("session_{:016x}", rand::random::<u64>()) }
    }
}

impl Dialect for Gateway {
    fn error(&self, status: u16, message: &str) -> Value {
        json!({ "type": "error", "session_id": self.session_id, "code": status, "message": message })
    }

    fn closed(&self) -> Option<Value> {
        Some(json!({ "type": "session.closed", "session_id": self.session_id }))
    }

    fn errors_end(&self) -> bool {
        true
    }
}

/// Reads a frame; the error says what is wrong with it.
pub(crate) fn read<T: DeserializeOwned>(frame: &str) -> Result<T, String> {
    serde_json::from_str(frame).map_err(|error| format!("the frame is not understood: {error}"))
}
