//! `GET /v1/stt?model=…`: sound in, transcripts out.

mod models;
mod protocol;
mod session;

use std::convert::Infallible;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, Query, State};
use axum::response::Response;

use super::ModelQuery;
use super::opening::{self, begin};
use super::protocol::read;
use crate::openai::OpenAi;
use crate::openai::faults::endpoint::Endpoint;
use crate::openai::gate::Admission;
use crate::sockets::{Ended, Socket};
use crate::streaming::sound::Sound;
use crate::streaming::{Event, Transcriber};
use protocol::ClientFrame;
use session::Session;

pub(crate) async fn connect(
    State(openai): State<OpenAi>,
    Query(query): Query<ModelQuery>,
    Extension(admission): Extension<Admission>,
    upgrade: WebSocketUpgrade,
) -> Response {
    opening::connect(openai, Endpoint::Stt, admission, upgrade, |openai, socket, id| {
        converse(openai, socket, id, query.model)
    })
}

async fn converse(
    openai: OpenAi,
    mut socket: Socket,
    id: String,
    model: String,
) -> Result<Infallible, Ended> {
    let socket = &mut socket;
    let begun = |create| Session::new(id, &model, &create);
    let mut session = begin::<ClientFrame, _>(&openai, socket, Endpoint::Stt, &model, begun).await?;
    socket.send(&session.created()).await?;
    let mut transcriber = Transcriber::new(&openai, Endpoint::Stt, session.turns(&openai.settings()));
    let mut sound = Sound::new(session.sample_rate).map_err(|_| Ended)?;
    loop {
        tokio::select! {
            received = socket.receive() => match read::<ClientFrame>(&socket.read(received).await?) {
                Err(message) => socket.fail(400, &message).await?,
                Ok(frame) => {
                    socket.took(frame.kind()).await?;
                    take(socket, &mut session, &mut transcriber, &mut sound, frame).await?;
                }
            },
            event = transcriber.next() => match event {
                Event::Failed => socket.fail(500, "the recogniser did not answer").await?,
                event => {
                    if let Event::SpeechStarted { .. } = event {
                        let fault = openai.state().faults.take_for_utterance(Endpoint::Stt);
                        socket.begin_utterance(fault).await?;
                    }
                    if let Some(frame) = session.tell(event) {
                        socket.send(&frame).await?;
                    }
                }
            },
        }
    }
}

async fn take(
    socket: &mut Socket,
    session: &mut Session,
    transcriber: &mut Transcriber,
    sound: &mut Sound,
    frame: ClientFrame,
) -> Result<(), Ended> {
    match frame {
        ClientFrame::Create(_) => socket.fail(400, "the session has begun").await,
        ClientFrame::Audio { audio } => {
            let (samples, length) = sound.convert(audio).map_err(|_| Ended)?;
            transcriber.hear(&samples);
            socket.sound(length).await
        }
        ClientFrame::Update { settings } => {
            session.update(&settings);
            Ok(())
        }
        ClientFrame::Finalize => {
            transcriber.finalize();
            // The gateway may say so before the transcript: who takes it for the end loses words.
            socket.send(&session.finalized()).await
        }
        ClientFrame::Close => Err(socket.close().await),
    }
}
