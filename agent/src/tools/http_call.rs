//! A call of a persona's tool over HTTP.

use futures::StreamExt as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use service::SecretSource;
use tracing::warn;

use super::fault::CallFault;
use crate::persona::HttpTool;

/// Most bytes of an answer.
const ANSWER_LIMIT: usize = 8 * 1024;

/// A call of a persona's tool, whose arguments are as the tool's schema wants them.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    pub(super) index: usize,
    pub(super) tool: String,
    pub(super) arguments: Value,
}

impl HttpCall {
    /// Name of the tool, one of the persona's.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// The arguments: an object.
    pub fn arguments(&self) -> &Value {
        &self.arguments
    }
}

/// Posts the call and reads the answer. It has no time limit of its own.
pub(super) async fn post(
    http: &reqwest::Client,
    tool: &HttpTool,
    token: Option<&SecretSource>,
    call: &HttpCall,
    session_id: &str,
) -> Result<String, CallFault> {
    let body = json!({"session_id": session_id, "tool": call.tool, "arguments": call.arguments});
    let mut request = http.post(tool.url().clone()).json(&body);
    if let Some(token) = token {
        let token = token.read().await.map_err(|error| {
            warn!(tool = call.tool, "its token is not read: {error:#}");
            CallFault::NoToken
        })?;
        request = request.bearer_auth(token.expose_secret());
    }
    let answer = request.send().await.map_err(|_| CallFault::Unreachable)?;
    if !answer.status().is_success() {
        return Err(CallFault::Status(answer.status().as_u16()));
    }
    let mut chunks = answer.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| CallFault::Unreachable)?;
        if bytes.len() + chunk.len() > ANSWER_LIMIT {
            return Err(CallFault::AnswerTooLong { limit: ANSWER_LIMIT });
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| CallFault::AnswerNotText)
}
