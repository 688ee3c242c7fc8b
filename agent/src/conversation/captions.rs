//! Captions: what front ends read of a conversation, the agent's state, the transcription of both sides, the chat. States and
//! words are published apart from the call and from each other, each in its order and within a limit; a server that does not
//! take something, or not in time, changes nothing for the call.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use livekit::prelude::{ParticipantIdentity, Room};
use livekit::{StreamTextOptions, StreamWriter as _, TextStreamWriter, Transcription, TranscriptionSegment};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::call_io::Caller;
use crate::agent_state::{AgentState, attributes};
use crate::metrics::Metrics;

/// Longest that a state is waited for. The SDK (livekit 0.10) begins to wait for the server's answer after it has sent the
/// request, so that an answer which is quicker than that is lost: `set_attributes` then returns an error after 5 s, although
/// the state has arrived.
const STATE_LIMIT: Duration = Duration::from_millis(500);
/// When a state that may not have arrived is sent once more, if there is no newer one.
const STATE_AGAIN: Duration = Duration::from_secs(2);
/// Longest that words are waited for: a connection that is being made anew takes none.
const WORDS_LIMIT: Duration = Duration::from_secs(2);
/// Captions that may wait to be published. What is beyond it is not shown: the call never waits for a front end.
const MOST_WAITING: usize = 256;

/// Topics of LiveKit's text streams.
pub const CHAT_TOPIC: &str = "lk.chat";
const TRANSCRIPTION_TOPIC: &str = "lk.transcription";

/// Attributes of a transcription.
const SEGMENT_ID: &str = "lk.segment_id";
const TRACK_ID: &str = "lk.transcribed_track_id";
const FINAL: &str = "lk.transcription_final";

/// What front ends are to show.
#[derive(Debug)]
pub(super) enum Caption {
    /// What the agent does at the moment.
    State(AgentState),
    /// The caller's turn as it is known now; the same segment until it is final.
    CallerSaid { segment: String, text: String, is_final: bool },
    /// The agent begins to say this; the same segment until it is closed.
    AgentSays { segment: String, text: String },
    /// The agent has said all it will say of the segment: this.
    AgentSaid { segment: String, text: String },
    /// The agent's answer to a typed message.
    Chat(String),
}

/// Where captions go. What is sent after the publisher has ended is lost.
#[derive(Clone)]
pub(super) struct CaptionSender {
    states_tx: mpsc::Sender<AgentState>,
    words_tx: mpsc::Sender<Caption>,
    metrics: Metrics,
}

/// What is to be published, for [`CaptionPublisher::run`].
pub(super) struct CaptionReceiver {
    states_rx: mpsc::Receiver<AgentState>,
    words_rx: mpsc::Receiver<Caption>,
}

pub(super) fn channel(metrics: Metrics) -> (CaptionSender, CaptionReceiver) {
    let (states_tx, states_rx) = mpsc::channel(MOST_WAITING);
    let (words_tx, words_rx) = mpsc::channel(MOST_WAITING);
    (CaptionSender { states_tx, words_tx, metrics }, CaptionReceiver { states_rx, words_rx })
}

impl CaptionSender {
    /// Has it published soon; never waits.
    pub(super) fn send(&self, caption: Caption) {
        let (what, is_full) = match caption {
            Caption::State(state) => (STATE, is_full(self.states_tx.try_send(state))),
            words => (WORDS, is_full(self.words_tx.try_send(words))),
        };
        if is_full {
            self.metrics.not_shown(what);
        }
    }
}

/// Front ends that are gone are shown nothing, and that is no loss.
fn is_full<T>(sent: Result<(), mpsc::error::TrySendError<T>>) -> bool {
    matches!(sent, Err(mpsc::error::TrySendError::Full(_)))
}

/// What metrics call it.
pub(crate) const CAPTIONS: [&str; 2] = [STATE, WORDS];
const STATE: &str = "state";
const WORDS: &str = "words";

/// Publishes captions until their sender is dropped, or the call is over.
pub(super) struct CaptionPublisher {
    pub(super) room: Arc<Room>,
    pub(super) agent_name: Arc<str>,
    pub(super) agent_track_id: String,
    pub(super) caller_rx: watch::Receiver<Caller>,
    pub(super) metrics: Metrics,
}

impl CaptionPublisher {
    pub(super) async fn run(self, captions_rx: CaptionReceiver, hang_up: CancellationToken) {
        let CaptionReceiver { states_rx, words_rx } = captions_rx;
        // The call is over when a front end has gone: there is nothing left to wait for.
        let publishing = async { tokio::join!(self.publish_states(states_rx), self.publish_words(words_rx)) };
        hang_up.run_until_cancelled(publishing).await;
    }

    async fn publish_states(&self, mut states_rx: mpsc::Receiver<AgentState>) {
        let mut in_doubt = None;
        loop {
            let again = async {
                if in_doubt.is_none() {
                    pending::<()>().await;
                }
                sleep(STATE_AGAIN).await;
            };
            let (state, is_first) = tokio::select! {
                biased;
                state = states_rx.recv() => match state {
                    Some(state) => (state, true),
                    None => return,
                },
                () = again => match in_doubt {
                    Some(state) => (state, false),
                    None => continue,
                },
            };
            let arrived = self.within(STATE_LIMIT, STATE, self.publish_state(state)).await;
            in_doubt = (!arrived && is_first).then_some(state);
        }
    }

    async fn publish_words(&self, mut words_rx: mpsc::Receiver<Caption>) {
        let mut spoken = None;
        while let Some(caption) = words_rx.recv().await {
            self.within(WORDS_LIMIT, WORDS, self.publish(caption, &mut spoken)).await;
        }
    }

    /// Whether it is known to have been published within the limit.
    async fn within(
        &self,
        limit: Duration,
        what: &str,
        publishing: impl Future<Output = anyhow::Result<()>>,
    ) -> bool {
        match timeout(limit, publishing).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => debug!("front ends are not shown all: {error:#}"),
            Err(_) => debug!("front ends are not known to be shown a {what} within {limit:?}"),
        }
        self.metrics.not_shown(what);
        false
    }

    async fn publish(&self, caption: Caption, spoken: &mut Option<Spoken>) -> anyhow::Result<()> {
        match caption {
            Caption::State(state) => self.publish_state(state).await,
            Caption::CallerSaid { segment, text, is_final } => {
                self.publish_caller(segment, text, is_final).await
            }
            Caption::AgentSays { segment, text } => self.publish_agent(spoken, segment, &text).await,
            Caption::AgentSaid { segment, text } => self.close_agent(spoken.take(), segment, text).await,
            Caption::Chat(text) => self.send_chat(&text).await,
        }
    }

    async fn publish_state(&self, state: AgentState) -> anyhow::Result<()> {
        let attributes = attributes(&self.agent_name, state);
        Ok(self.room.local_participant().set_attributes(attributes).await?)
    }

    /// A stream of its own for each version of the text, in the caller's name.
    async fn publish_caller(&self, segment: String, text: String, is_final: bool) -> anyhow::Result<()> {
        let caller = self.caller_rx.borrow().clone();
        let mut options = transcription(&segment, &caller.track_id, is_final);
        options.sender_identity = Some(ParticipantIdentity(caller.identity.clone()));
        let stream = self.room.local_participant().stream_text(options).await?;
        stream.write(&text).await?;
        stream.close().await?;
        self.send_packet(caller, segment, text, is_final).await
    }

    /// One stream for the whole segment, to which each sentence is added; another one for all of it where that has broken.
    async fn publish_agent(
        &self,
        spoken: &mut Option<Spoken>,
        segment: String,
        sentence: &str,
    ) -> anyhow::Result<()> {
        let spoken = spoken.get_or_insert_default();
        let separator = if spoken.text.is_empty() { "" } else { " " };
        let piece = format!("{separator}{sentence}");
        spoken.text.push_str(&piece);
        // It is back when it has taken the words, also where this is given up in the middle.
        let stream = match spoken.stream.take() {
            Some(stream) => {
                stream.write(&piece).await?;
                stream
            }
            None => {
                let options = transcription(&segment, &self.agent_track_id, false);
                let stream = self.room.local_participant().stream_text(options).await?;
                stream.write(&spoken.text).await?;
                stream
            }
        };
        spoken.stream = Some(stream);
        self.send_packet(self.agent(), segment, spoken.text.clone(), false).await
    }

    async fn close_agent(&self, spoken: Option<Spoken>, segment: String, text: String) -> anyhow::Result<()> {
        let Some(Spoken { stream, .. }) = spoken else { return Ok(()) };
        match stream {
            Some(stream) => {
                let is_final = HashMap::from([(FINAL.to_owned(), "true".to_owned())]);
                stream.close_with_options(None, Some(is_final)).await?;
            }
            None => {
                let options = transcription(&segment, &self.agent_track_id, true);
                let stream = self.room.local_participant().stream_text(options).await?;
                stream.write(&text).await?;
                stream.close().await?;
            }
        }
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
#[derive(Default)]
struct Spoken {
    /// None before it is open, and where it has broken.
    stream: Option<TextStreamWriter>,
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
