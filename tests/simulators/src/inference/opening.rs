//! How sessions of both kinds begin.

use std::convert::Infallible;

use axum::extract::ws::WebSocketUpgrade;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::protocol::{Gateway, read};
use super::{Refusal, quota};
use crate::openai::OpenAi;
use crate::openai::faults::endpoint::Endpoint;
use crate::openai::gate::Admission;
use crate::sockets::{Ended, LONGEST_FRAME, Socket};

/// What a client sends.
pub(super) trait ClientFrame: DeserializeOwned {
    /// Says what the session is like.
    type Create: Serialize;

    fn create(self) -> Option<Self::Create>;
}

/// Has a conversation on a socket, where there is room for one more. It is told the session's name.
pub(super) fn connect<C>(
    openai: OpenAi,
    endpoint: Endpoint,
    admission: Admission,
    upgrade: WebSocketUpgrade,
    converse: impl FnOnce(OpenAi, Socket, String) -> C + Send + 'static,
) -> Response
where
    C: Future<Output = Result<Infallible, Ended>> + Send,
{
    let open = match quota::open(&openai, endpoint) {
        Ok(open) => open,
        Err(exceeded) => return exceeded.into_response(),
    };
    upgrade.max_message_size(LONGEST_FRAME).on_upgrade(async move |socket| {
        let gateway = Gateway::new();
        let Admission { fault, expires } = admission;
        let socket = Socket::new(socket, gateway.clone(), fault, expires, open);
        let Err(Ended) = converse(openai, socket, gateway.session_id).await;
    })
}

/// The session that the first frame asks for; `model` is the query's.
pub(super) async fn begin<F: ClientFrame, S>(
    openai: &OpenAi,
    socket: &mut Socket,
    endpoint: Endpoint,
    model: &str,
    session: impl FnOnce(F::Create) -> Result<S, Refusal>,
) -> Result<S, Ended> {
    let received = socket.receive().await;
    let frame = socket.read(received).await?;
    let session = match read::<F>(&frame).map(F::create) {
        Ok(Some(create)) => {
            socket.took("session.create").await?;
            let mut shape = json!(create);
            shape["query"] = model.into();
            openai.state().requests.keep(endpoint, shape);
            session(create)
        }
        Ok(None) => Err(Refusal::bad_request("the first frame is session.create")),
        Err(message) => Err(Refusal::bad_request(message)),
    };
    match session {
        Ok(session) => Ok(session),
        Err(refusal) => {
            socket.fail(refusal.status.as_u16(), &refusal.message).await?;
            Err(Ended)
        }
    }
}

/// Samples a second of the sound of a session; both are as the client wrote them.
pub(super) fn sample_rate(encoding: &str, rate: &str) -> Result<u32, Refusal> {
    if encoding != "pcm_s16le" {
        return Err(Refusal::bad_request("encoding is pcm_s16le"));
    }
    let rate = rate.parse().ok().filter(|rate| (8_000..=48_000).contains(rate));
    rate.ok_or_else(|| Refusal::bad_request("sample_rate is a text of 8000 to 48000"))
}
