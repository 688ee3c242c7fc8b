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
pub async fn run(line: Line, hang_up: CancellationToken) -> anyhow::Result<()> {
    let Line { room, agent_name, voice, mut audible, mut heard, journal } = line;
    let show = async |state| show(&room, &agent_name, state, &hang_up).await;
    let hearing = hearing::count(&mut heard, &journal, &hang_up);
    let speaking = async {
        let becomes_audible = timeout(AUDIBLE_LIMIT, audible.wait_for(|audible| *audible));
        tokio::select! {
            waited = becomes_audible => if waited.is_err() { debug!("nobody receives the agent's track yet") },
            () = hang_up.cancelled() => return Ok(()),
        }
        let (said, ()) = tokio::join!(greeting::say(&voice, &journal, &hang_up), show(AgentState::Speaking),);
        said?;
        show(AgentState::Listening).await;
        anyhow::Ok(())
    };
    let (spoken, ()) = tokio::join!(speaking, hearing);
    spoken
}

/// Shows the state to front ends. It is only shown: a server that does not take it, or not in time, changes nothing.
async fn show(room: &Room, agent_name: &str, state: AgentState, hang_up: &CancellationToken) {
    let participant = room.local_participant();
    tokio::select! {
        biased;
        () = hang_up.cancelled() => {}
        result = participant.set_attributes(attributes(agent_name, state)) => {
            if let Err(error) = result {
                debug!(?state, "the agent's state is not shown: {error}");
            }
        }
    }
}
