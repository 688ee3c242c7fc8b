//! `GET /v1/tts?model=…`: sentences in, sound out; one utterance at a time.

mod alignment;
mod protocol;
mod utterance;

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use tracing::error;

use super::opening::{self, begin, sample_rate};
use super::protocol::read;
use super::{ModelQuery, Refusal};
use crate::openai::OpenAi;
use crate::openai::faults::endpoint::Endpoint;
use crate::openai::gate::Admission;
use crate::openai::speech::pcm;
use crate::openai::synthesiser::voice_of;
use crate::sockets::{Ended, Socket};
use alignment::Form;
use protocol::{ClientFrame, Content, Create, ServerFrame, Text};
use utterance::{Piece, Sentence, Utterance};

pub(crate) async fn connect(
    State(openai): State<OpenAi>,
    Query(query): Query<ModelQuery>,
    Extension(admission): Extension<Admission>,
    upgrade: WebSocketUpgrade,
) -> Response {
    opening::connect(openai, Endpoint::Tts, admission, upgrade, |openai, socket, id| {
        converse(openai, socket, id, query.model)
    })
}

/// A session that has begun.
struct Session {
    openai: OpenAi,
    id: String,
    model: String,
    create: Create,
    sample_rate: u32,
    utterance: Option<Utterance>,
}

async fn converse(
    openai: OpenAi,
    mut socket: Socket,
    id: String,
    model: String,
) -> Result<Infallible, Ended> {
    let socket = &mut socket;
    let begun = |create| Session::new(&openai, id, &model, create);
    let mut session = begin::<ClientFrame, _>(&openai, socket, Endpoint::Tts, &model, begun).await?;
    session.send(socket, Content::Created {}).await?;
    loop {
        tokio::select! {
            received = socket.receive() => match read::<ClientFrame>(&socket.read(received).await?) {
                Err(message) => socket.fail(400, &message).await?,
                Ok(frame) => {
                    socket.took(frame.kind()).await?;
                    session.take(socket, frame).await?;
                }
            },
            piece = session.next() => session.give(socket, piece).await?,
        }
    }
}

impl Session {
    fn new(openai: &OpenAi, id: String, model: &str, create: Create) -> Result<Self, Refusal> {
        let sample_rate = sample_rate(&create.encoding, &create.sample_rate)?;
        let model = create.model.clone().unwrap_or_else(|| model.to_owned());
        Ok(Self { openai: openai.clone(), id, model, create, sample_rate, utterance: None })
    }

    async fn take(&mut self, socket: &mut Socket, frame: ClientFrame) -> Result<(), Ended> {
        match frame {
            ClientFrame::Create(_) => socket.fail(400, "the session has begun").await,
            ClientFrame::Text(text) => {
                socket.text(&text.transcript);
                if self.utterance.is_none() {
                    let fault = self.openai.state().faults.take_for_utterance(Endpoint::Tts);
                    socket.begin_utterance(fault).await?;
                }
                if self.add(text) { Ok(()) } else { socket.fail(400, "the utterance is not done yet").await }
            }
            ClientFrame::Flush => match &mut self.utterance {
                Some(utterance) => {
                    utterance.flush();
                    Ok(())
                }
                None => self.send(socket, Content::Done {}).await,
            },
            ClientFrame::Close => Err(socket.close().await),
        }
    }

    /// Adds a sentence to the utterance; `false` where that was flushed and is still being spoken.
    fn add(&mut self, text: Text) -> bool {
        let generation = &text.generation_config;
        let voice = generation.voice.as_deref().or(self.create.voice.as_deref());
        let language = generation.language.as_deref().or(self.create.language.as_deref());
        let voice = voice_of(voice, language);
        let (openai, rate) = (&self.openai, self.sample_rate);
        let form = Form::of(&self.model, &text.extra).or_else(|| Form::of(&self.model, &self.create.extra));
        openai.state().requests.keep(Endpoint::Tts, json!(text));
        let utterance = self.utterance.get_or_insert_with(|| Utterance::begin(openai, rate, form));
        utterance.add(Sentence { text: text.transcript, voice })
    }

    /// The next piece of the utterance. It may be given up at any time.
    async fn next(&mut self) -> Option<Piece> {
        match &mut self.utterance {
            Some(utterance) => utterance.next().await,
            None => std::future::pending().await,
        }
    }

    async fn give(&mut self, socket: &mut Socket, piece: Option<Piece>) -> Result<(), Ended> {
        match piece {
            Some(Piece::Sound(samples)) => {
                let length = Duration::from_secs_f64(samples.len() as f64 / f64::from(self.sample_rate));
                let audio = BASE64_STANDARD.encode(pcm(&samples));
                self.send(socket, Content::Audio { audio }).await?;
                socket.sound(length).await
            }
            Some(Piece::Alignment(alignment)) => self.send(socket, Content::Alignment(alignment)).await,
            Some(Piece::Failed(error)) => {
                error!("{error:#}");
                socket.fail(500, "the synthesiser does not speak").await
            }
            None => {
                self.utterance = None;
                self.send(socket, Content::Done {}).await
            }
        }
    }

    async fn send(&self, socket: &mut Socket, content: Content) -> Result<(), Ended> {
        socket.send(&ServerFrame { session_id: self.id.clone(), content }).await
    }
}
