//! `GET /v1/realtime?intent=transcription`: transcriptions over a socket, in OpenAI's form, and in that of speaches where the
//! query names a model.
//!
//! - `session`: what a session is set to, and what it refuses. `items`: what is told of an utterance.

mod items;
mod protocol;
mod session;

use std::convert::Infallible;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::openai::OpenAi;
use crate::openai::api_error::ApiError;
use crate::openai::faults::endpoint::Endpoint;
use crate::openai::faults::kind::Kind;
use crate::openai::gate::Admission;
use crate::sockets::counters::OpenSocket;
use crate::sockets::{Ended, LONGEST_FRAME, Socket};
use crate::streaming::sound::Sound;
use crate::streaming::{Event, Transcriber};
use items::Items;
use protocol::{ClientEvent, Events};
use session::{Form, SAMPLE_RATE, Session};

/// Sound that a commit needs at least, seconds.
const SHORTEST_COMMIT: f64 = 0.1;

/// The query of a socket.
#[derive(Debug, Deserialize)]
pub(crate) struct RealtimeQuery {
    #[serde(default)]
    intent: String,
    model: Option<String>,
    language: Option<String>,
}

pub(crate) async fn connect(
    State(openai): State<OpenAi>,
    Query(query): Query<RealtimeQuery>,
    Extension(admission): Extension<Admission>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if query.intent != "transcription" {
        let message = "the simulator has sessions for transcription only: intent=transcription";
        return ApiError::bad_request("intent", message).into_response();
    }
    let Some(open) = OpenSocket::new(&openai, Endpoint::Realtime, None) else {
        return ApiError::server("there is no room for a socket").into_response();
    };
    let upgrade = upgrade.max_message_size(LONGEST_FRAME);
    upgrade.on_upgrade(async move |socket| {
        let session = match query.model {
            Some(model) => Session::speaches(model, query.language),
            None => Session::openai(),
        };
        let mut socket = Socket::new(socket, Events, admission.fault, admission.expires, open);
        let Err(Ended) = Conversation::hold(&openai, session, &mut socket).await;
    })
}

/// One client's conversation with the recogniser.
struct Conversation<'a> {
    openai: &'a OpenAi,
    session: Session,
    transcriber: Transcriber,
    sound: Sound,
    items: Items,
    /// Seconds of sound at the last commit.
    committed: f64,
}

impl<'a> Conversation<'a> {
    async fn hold(openai: &'a OpenAi, session: Session, socket: &mut Socket) -> Result<Infallible, Ended> {
        let transcriber = Transcriber::new(openai, Endpoint::Realtime, session.turns(&openai.settings()));
        let sound = Sound::new(SAMPLE_RATE).map_err(|_| Ended)?;
        let items = Items::new(session.form());
        let mut conversation = Self { openai, session, transcriber, sound, items, committed: 0.0 };
        socket.send(&conversation.session.created()).await?;
        loop {
            tokio::select! {
                received = socket.receive() => {
                    let event = socket.read(received).await?;
                    conversation.take(socket, &event).await?;
                }
                event = conversation.transcriber.next() => conversation.tell(socket, event).await?,
            }
        }
    }

    async fn take(&mut self, socket: &mut Socket, event: &str) -> Result<(), Ended> {
        let event = match serde_json::from_str::<ClientEvent>(event) {
            Ok(event) => event,
            Err(error) => return socket.fail(400, &format!("Invalid client event: {error}")).await,
        };
        socket.took(event.kind()).await?;
        match event {
            ClientEvent::Update { session } => self.update(socket, session).await,
            ClientEvent::Append { audio } => {
                let (samples, length) = self.sound.convert(audio).map_err(|_| Ended)?;
                self.transcriber.hear(&samples);
                socket.sound(length).await
            }
            ClientEvent::Commit => self.commit(socket).await,
            ClientEvent::Clear => {
                self.transcriber.clear();
                self.committed = self.transcriber.now();
                socket.send(&protocol::cleared()).await
            }
        }
    }

    async fn update(&mut self, socket: &mut Socket, changes: Value) -> Result<(), Ended> {
        self.openai.state().requests.keep(Endpoint::Realtime, changes.clone());
        for refused in self.session.update(&changes) {
            socket.send(&refused).await?;
            if self.session.form() == Form::OpenAi {
                return Ok(());
            }
        }
        self.transcriber.turn_by(self.session.turns(&self.openai.settings()));
        socket.send(&self.session.updated()).await
    }

    /// The client says that an utterance is over.
    async fn commit(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        let seconds = self.transcriber.now() - self.committed;
        if seconds < SHORTEST_COMMIT {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {:.2}ms of audio.",
                seconds * 1_000.0
            );
            return socket.send(&protocol::error(Some("input_audio_buffer_commit_empty"), &message)).await;
        }
        if self.session.needs_ends() && self.transcriber.hears_speech() {
            self.transcriber.clear();
            self.committed = self.transcriber.now();
            return send(socket, self.items.fail_without_end()).await;
        }
        if self.transcriber.finalize() {
            return Ok(());
        }
        self.committed = self.transcriber.now();
        let events = self.items.silence(&self.session, seconds);
        send(socket, events).await
    }

    async fn tell(&mut self, socket: &mut Socket, event: Event) -> Result<(), Ended> {
        let since = if self.session.form() == Form::Speaches { self.committed } else { 0.0 };
        match event {
            Event::SpeechStarted { .. } => {
                let fault = self.openai.state().faults.take_for_utterance(Endpoint::Realtime);
                socket.begin_utterance(fault).await?;
            }
            Event::SpeechStopped { .. } => self.committed = self.transcriber.now(),
            _ => {}
        }
        let words = matches!(event, Event::Interim(_) | Event::Eager(_) | Event::Final(_));
        if words && !self.session.transcribes() {
            return Ok(());
        }
        let failed = matches!(event, Event::Final(_))
            && self.openai.state().faults.take_of_utterance(Endpoint::Realtime, Kind::Failed).is_some();
        let events = self.items.tell(&self.session, if failed { Event::Failed } else { event }, since);
        send(socket, events).await
    }
}

async fn send(socket: &mut Socket, events: Vec<Value>) -> Result<(), Ended> {
    for event in events {
        socket.send(&event).await?;
    }
    Ok(())
}
