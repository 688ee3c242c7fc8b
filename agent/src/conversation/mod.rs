//! What the agent says and hears in a call. For now a spoken greeting, and a count of the seconds heard.
//!
//! A conversation gets a [`Line`], writes into the session's journal whatever it learns, and runs until it is told to hang
//! up. When a call is over is not its business, nor is how its journal is exported.

mod greeting;
mod hearing;

use std::sync::Arc;
use std::time::Duration;

use livekit::prelude::{RemoteAudioTrack, Room};
use livekit::webrtc::audio_source::native::NativeAudioSource;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::agent_state::{AgentState, attributes};
use crate::spool::Journal;

/// Samples a second, of what is spoken and of what is heard.
pub const SAMPLE_RATE: u32 = 24_000;
/// Mono.
pub const CHANNELS: u32 = 1;

/// Longest that the greeting waits for somebody to receive the agent's track; a page may never subscribe.
const AUDIBLE_LIMIT: Duration = Duration::from_secs(3);

/// The call, as the conversation has it.
pub struct Line {
    /// The joined room.
    pub room: Arc<Room>,
    /// Name under which the agent is dispatched.
    pub agent_name: Arc<str>,
    /// What is captured here is heard by the participant; [`SAMPLE_RATE`], [`CHANNELS`].
    pub voice: NativeAudioSource,
    /// Whether somebody receives the agent's track.
    pub audible: watch::Receiver<bool>,
    /// The participant's audio tracks, as they are subscribed.
    pub heard: mpsc::UnboundedReceiver<RemoteAudioTrack>,
    /// Where it is written down.
    pub journal: Journal,
}

/// Talks until `hang_up` is cancelled, and then ends within a second.
///
/// # Errors
/// The agent cannot speak. That ends the session.
pub async fn run(mut line: Line, hang_up: CancellationToken) -> anyhow::Result<()> {
    let hearing = hearing::count(&mut line.heard, &line.journal, &hang_up);
    let speaking = async {
        let becomes_audible = timeout(AUDIBLE_LIMIT, line.audible.wait_for(|audible| *audible));
        tokio::select! {
            waited = becomes_audible => if waited.is_err() { debug!("nobody receives the agent's track yet") },
            () = hang_up.cancelled() => return Ok(()),
        }
        let (said, ()) = tokio::join!(
            greeting::say(&line.voice, &line.journal, &hang_up),
            show(&line.room, &line.agent_name, AgentState::Speaking),
        );
        said?;
        if !hang_up.is_cancelled() {
            show(&line.room, &line.agent_name, AgentState::Listening).await;
        }
        anyhow::Ok(())
    };
    let (spoken, ()) = tokio::join!(speaking, hearing);
    spoken
}

/// Shows the state to front ends. It is only shown: a server that does not take it changes nothing.
async fn show(room: &Room, agent_name: &str, state: AgentState) {
    if let Err(error) = room.local_participant().set_attributes(attributes(agent_name, state)).await {
        debug!(?state, "the agent's state is not shown: {error}");
    }
}
