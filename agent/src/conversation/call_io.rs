//! What a call gives to its conversation: the room, the audio and text that come in, and the track that goes out.

use std::sync::Arc;

use livekit::prelude::{RemoteAudioTrack, Room};
use livekit::webrtc::audio_source::native::NativeAudioSource;
use schemas::EndReason;
use tokio::sync::{mpsc, watch};

use crate::budget::Budget;
use crate::spool::Journal;

/// Samples a second, of what is spoken.
pub const SAMPLE_RATE: u32 = 24_000;
/// Channels of what is spoken, and of the microphone: mono.
pub const CHANNELS: u32 = 1;

/// The call, as the conversation has it.
pub struct CallIo {
    /// The room that the agent has joined.
    pub room: Arc<Room>,
    /// Name under which the agent is dispatched.
    pub agent_name: Arc<str>,
    /// The source of the agent's track: the participant hears what is captured here; [`SAMPLE_RATE`], [`CHANNELS`].
    pub voice: NativeAudioSource,
    /// LiveKit's id of the agent's track.
    pub voice_track_id: String,
    /// Whether somebody receives the agent's track.
    pub audible_rx: watch::Receiver<bool>,
    /// The participant's microphone; a newer one takes its place.
    pub microphone_rx: mpsc::Receiver<MicrophoneTrack>,
    /// What the participant said before the agent was there, 16 kHz, mono; nothing where it cannot be decoded.
    pub pre_connect_audio_rx: mpsc::Receiver<Vec<i16>>,
    /// What the participant types.
    pub typed_rx: mpsc::Receiver<String>,
    /// Who the participant is.
    pub caller_rx: watch::Receiver<Caller>,
    /// The session's journal, in which the conversation writes what it learns.
    pub journal: Journal,
    /// What the call may use.
    pub budget: Budget,
}

/// A track of the participant's microphone.
pub struct MicrophoneTrack {
    /// The track as LiveKit's SDK receives it.
    pub track: RemoteAudioTrack,
    /// What was said before the track was received is sent apart.
    pub has_pre_connect_audio: bool,
}

/// The caller, as transcriptions name him.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// LiveKit's identity of the participant.
    pub identity: String,
    /// LiveKit's id of the microphone's track; empty until it is subscribed.
    pub track_id: String,
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It was told to hang up.
    HungUp,
    /// It ends the call.
    EndsTheCall(EndReason),
}
