//! What front ends read of a conversation: the agent's state, both sides' words, chat. It is shown by a task of its own, in
//! order; a server that does not take it, or not in time, changes nothing for the call.

use std::collections::HashMap;
use std::sync::Arc;

use livekit::prelude::{ParticipantIdentity, Room};
use livekit::{StreamTextOptions, StreamWriter as _, TextStreamWriter, Transcription, TranscriptionSegment};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::agent_state::{AgentState, attributes};

/// Topics of LiveKit's text streams.
pub const CHAT_TOPIC: &str = "lk.chat";
const TRANSCRIPTION_TOPIC: &str = "lk.transcription";

/// Attributes of a transcription.
const SEGMENT_ID: &str = "lk.segment_id";
const TRACK_ID: &str = "lk.transcribed_track_id";
const FINAL: &str = "lk.transcription_final";

/// Something to show.
#[derive(Debug)]
pub(super) enum Show {
    State(AgentState),
    /// The caller's turn as it is known now; the same segment until it is final.
    CallerSaid {
        segment: String,
        text: String,
        is_final: bool,
    },
    /// The agent begins to say this; the same segment until it is closed.
    AgentSays {
        segment: String,
        text: String,
    },
    /// The agent has said all it will say of the segment: this.
    AgentSaid {
        segment: String,
        text: String,
    },
    /// The agent's answer to a typed message.
    Chat(String),
}

/// The caller, as transcriptions name him.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// LiveKit identity.
    pub identity: String,
    /// LiveKit's id of the microphone's track; empty until it is subscribed.
    pub track_id: String,
}

/// Where to show it. What is shown after its task has ended is lost.
pub(super) type Shown = mpsc::Sender<Show>;

/// Shows what comes until the sender is dropped, or a second after the call is over.
pub(super) struct FrontEnd {
    pub(super) room: Arc<Room>,
    pub(super) agent_name: Arc<str>,
    pub(super) agent_track_id: String,
    pub(super) caller: tokio::sync::watch::Receiver<Caller>,
}

impl FrontEnd {
    pub(super) async fn run(self, mut shown: mpsc::Receiver<Show>, hang_up: CancellationToken) {
        let mut spoken = None;
        while let Some(show) = shown.recv().await {
            // The call is over when a front end has gone: there is nothing left to wait for.
            let show = self.show(show, &mut spoken);
            if hang_up.run_until_cancelled(show).await.is_none() {
                return;
            }
        }
    }

    async fn show(&self, show: Show, spoken: &mut Option<Spoken>) {
        let result = match show {
            Show::State(state) => self.show_state(state).await,
            Show::CallerSaid { segment, text, is_final } => self.show_caller(segment, text, is_final).await,
            Show::AgentSays { segment, text } => self.show_agent(spoken, segment, &text).await,
            Show::AgentSaid { segment, text } => self.close_agent(spoken.take(), segment, text).await,
            Show::Chat(text) => self.send_chat(&text).await,
        };
        if let Err(error) = result {
            debug!("front ends are not shown all: {error:#}");
        }
    }

    async fn show_state(&self, state: AgentState) -> anyhow::Result<()> {
        let attributes = attributes(&self.agent_name, state);
        Ok(self.room.local_participant().set_attributes(attributes).await?)
    }

    /// A stream of its own for each version of the text, in the caller's name.
    async fn show_caller(&self, segment: String, text: String, is_final: bool) -> anyhow::Result<()> {
        let caller = self.caller.borrow().clone();
        let mut options = transcription(&segment, &caller.track_id, is_final);
        options.sender_identity = Some(ParticipantIdentity(caller.identity.clone()));
        let stream = self.room.local_participant().stream_text(options).await?;
        stream.write(&text).await?;
        stream.close().await?;
        self.send_packet(caller, segment, text, is_final).await
    }

    /// One stream for the whole segment, to which each sentence is added.
    async fn show_agent(
        &self,
        spoken: &mut Option<Spoken>,
        segment: String,
        sentence: &str,
    ) -> anyhow::Result<()> {
        let spoken = match spoken {
            Some(spoken) => spoken,
            None => {
                let options = transcription(&segment, &self.agent_track_id, false);
                let stream = self.room.local_participant().stream_text(options).await?;
                spoken.insert(Spoken { stream, text: String::new() })
            }
        };
        let separator = if spoken.text.is_empty() { "" } else { " " };
        let piece = format!("{separator}{sentence}");
        spoken.stream.write(&piece).await?;
        spoken.text.push_str(&piece);
        self.send_packet(self.agent(), segment, spoken.text.clone(), false).await
    }

    async fn close_agent(&self, spoken: Option<Spoken>, segment: String, text: String) -> anyhow::Result<()> {
        let Some(Spoken { stream, .. }) = spoken else { return Ok(()) };
        let is_final = HashMap::from([(FINAL.to_owned(), "true".to_owned())]);
        stream.close_with_options(None, Some(is_final)).await?;
        self.send_packet(self.agent(), segment, text, true).await
    }

    /// The form that older front ends read, and `useVoiceAssistant` to this day.
    async fn send_packet(&self, of: Caller, id: String, text: String, is_final: bool) -> anyhow::Result<()> {
        let segment = TranscriptionSegment { id, text, r#final: is_final, ..TranscriptionSegment::default() };
        let packet = Transcription {
            participant_identity: of.identity,
            track_id: of.track_id,
            segments: vec![segment],
        };
        Ok(self.room.local_participant().publish_transcription(packet).await?)
    }

    async fn send_chat(&self, text: &str) -> anyhow::Result<()> {
        let stream =
            self.room.local_participant().stream_text(StreamTextOptions::new_with_topic(CHAT_TOPIC)).await?;
        stream.write(text).await?;
        Ok(stream.close().await?)
    }

    fn agent(&self) -> Caller {
        let identity = self.room.local_participant().identity().to_string();
        Caller { identity, track_id: self.agent_track_id.clone() }
    }
}

/// The agent's segment that is open.
struct Spoken {
    stream: TextStreamWriter,
    text: String,
}

fn transcription(segment: &str, track_id: &str, is_final: bool) -> StreamTextOptions {
    let mut options = StreamTextOptions::new_with_topic(TRANSCRIPTION_TOPIC);
    options.attributes = HashMap::from([
        (SEGMENT_ID.to_owned(), segment.to_owned()),
        (TRACK_ID.to_owned(), track_id.to_owned()),
        (FINAL.to_owned(), is_final.to_string()),
    ]);
    options
}
