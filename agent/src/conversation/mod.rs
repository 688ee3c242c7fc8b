//! What the agent says and hears in a call: speech to text, the language model with its tools, text to speech.
//!
//! A conversation gets a [`Line`], writes into the session's journal whatever it learns, and runs until it is told to hang
//! up, or ends the call itself. How its journal is exported is not its business.
//!
//! `turn_taking` decides whose turn it is and `ear` notices speech in samples; both have no IO and no clock. `dialogue` is the
//! loop between them and the services: `hearing` has speech transcribed, `reply` asks the model and runs its tools, `speech`
//! speaks the answer, `front_end` shows it.

mod bounded_reader;
mod dialogue;
mod disclosure;
mod ear;
mod early_audio;
mod front_end;
mod hearing;
mod history;
mod latencies;
#[cfg(test)]
mod listening_tests;
mod phrases;
mod record;
mod reply;
mod sentences;
mod session_tools;
mod speech;
mod trials;
mod turn_taking;
mod typed;

use std::sync::Arc;
use std::time::Duration;

use livekit::prelude::{RemoteAudioTrack, Room};
use livekit::webrtc::audio_source::native::NativeAudioSource;
use schemas::EndReason;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use early_audio::{EARLY_AUDIO_TOPIC, LONGEST_EARLY_AUDIO, decode as decode_early_audio};
pub use front_end::{CHAT_TOPIC, Caller};
use phrases::Phrases;
use trials::Trials;
use turn_taking::Rules;

use crate::budget::Budget;
use crate::metrics::Metrics;
use crate::persona::Persona;
use crate::providers::Providers;
use crate::providers::health::Health;
use crate::providers::language_model::LanguageModel;
use crate::providers::speech_to_text::SpeechToText;
use crate::spool::Journal;
use crate::tools::Toolbox;

/// Samples a second, of what is spoken.
pub const SAMPLE_RATE: u32 = 24_000;
/// Mono.
pub const CHANNELS: u32 = 1;

/// The call, as the conversation has it.
pub struct Line {
    /// The joined room.
    pub room: Arc<Room>,
    /// Name under which the agent is dispatched.
    pub agent_name: Arc<str>,
    /// What is captured here is heard by the participant; [`SAMPLE_RATE`], [`CHANNELS`].
    pub voice: NativeAudioSource,
    /// LiveKit's id of the agent's track.
    pub voice_track_id: String,
    /// Whether somebody receives the agent's track.
    pub audible: watch::Receiver<bool>,
    /// The participant's microphone; a newer one takes its place.
    pub heard: mpsc::Receiver<HeardTrack>,
    /// What the participant said before the agent was there, 16 kHz, mono; nothing where it cannot be heard.
    pub heard_early: mpsc::Receiver<Vec<i16>>,
    /// What the participant types.
    pub typed: mpsc::Receiver<String>,
    /// Who the participant is.
    pub caller: watch::Receiver<Caller>,
    /// Where it is written down.
    pub journal: Journal,
    /// What the call may use.
    pub budget: Budget,
}

/// A track of the participant's.
pub struct HeardTrack {
    /// The track.
    pub track: RemoteAudioTrack,
    /// What was said before it was heard is sent apart.
    pub has_early_audio: bool,
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It was told to hang up.
    HungUp,
    /// It ends the call.
    EndsTheCall(EndReason),
}

/// What is written down of a conversation.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct RecordArgs {
    /// Leave the transcript out of the session-end payload
    #[arg(long, env)]
    pub agent_without_transcript: bool,
    /// Replace e-mail addresses, phone and card numbers in all of the session-end payload but `user_email` and the ids
    #[arg(long, env)]
    pub agent_redact: bool,
}

/// What all conversations of a process have in common.
pub struct Mind {
    persona: Arc<Persona>,
    toolbox: Toolbox,
    speech_to_text: SpeechToText,
    language_model: LanguageModel,
    phrases: Arc<Phrases>,
    record: RecordArgs,
    rules: Rules,
    health: Health,
    metrics: Metrics,
}

impl Mind {
    pub fn new(
        persona: Arc<Persona>,
        toolbox: Toolbox,
        providers: Providers,
        record: RecordArgs,
        metrics: Metrics,
    ) -> Self {
        let Providers { speech_to_text, language_model, text_to_speech, health } = providers;
        let phrases = Arc::new(Phrases::new(text_to_speech, &persona));
        let rules = Rules::default();
        Self { persona, toolbox, speech_to_text, language_model, phrases, record, rules, health, metrics }
    }

    /// Tries the services, and makes ready what every call begins with; until then the first call does it. Never ends.
    pub fn keep_trying(&self, interval: Duration) -> impl Future<Output = ()> + Send + use<> {
        let trials = Trials {
            health: self.health.clone(),
            persona: Arc::clone(&self.persona),
            toolbox: self.toolbox.clone(),
            speech_to_text: self.speech_to_text.clone(),
            language_model: self.language_model.clone(),
            phrases: Arc::clone(&self.phrases),
        };
        trials.run(interval)
    }
}

/// Talks until `hang_up` is cancelled, and then ends within a second; or until it ends the call.
///
/// # Errors
/// The agent cannot speak. That ends the session.
pub async fn run(line: Line, mind: Arc<Mind>, hang_up: CancellationToken) -> anyhow::Result<Over> {
    let (shown, shows) = front_end::channel(mind.metrics.clone());
    let front_end = front_end::FrontEnd {
        room: Arc::clone(&line.room),
        agent_name: Arc::clone(&line.agent_name),
        agent_track_id: line.voice_track_id.clone(),
        caller: line.caller.clone(),
        metrics: mind.metrics.clone(),
    };
    let talking = async {
        // The front end ends when nothing more is to be shown.
        let shown = shown;
        dialogue::hold(line, mind, &shown, &hang_up).await
    };
    let (over, ()) = tokio::join!(talking, front_end.run(shows, hang_up.clone()));
    over
}
