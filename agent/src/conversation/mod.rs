//! What the agent says and hears in a call: speech to text, the language model with its tools, text to speech.
//!
//! A conversation gets a [`CallIo`], writes into the session's journal whatever it learns, and runs until it is told to hang
//! up, or ends the call itself. How its journal is exported is not its business.
//!
//! `turn_taking` decides whose turn it is: turn detection, endpointing and barge-in. `vad` detects speech in samples. Neither
//! has IO or a clock. `dialogue` is the loop between them and the services: `transcriber` has speech transcribed, `reply` asks
//! the language model and runs its tools, `speech` speaks the answer, `captions` shows it.

mod account;
mod assistant;
mod bounded_reader;
mod cached_speech;
mod call_io;
mod captions;
mod dialogue;
mod disclosure;
mod history;
mod latencies;
mod pre_connect_audio;
mod record;
mod reply;
mod reply_account;
mod sentences;
mod session_tools;
mod speech;
#[cfg(test)]
mod tests;
mod transcriber;
mod trials;
mod turn_detector;
mod turn_spans;
mod turn_taking;
mod turn_words;
mod typed;
mod vad;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use assistant::Assistant;
pub use call_io::{CHANNELS, CallIo, Caller, MicrophoneTrack, Over, SAMPLE_RATE};
pub(crate) use captions::CAPTIONS;
pub use captions::CHAT_TOPIC;
use captions::CaptionPublisher;
pub(crate) use latencies::Waits;
pub use pre_connect_audio::{
    LONGEST_PRE_CONNECT_AUDIO, PRE_CONNECT_AUDIO_TOPIC, decode as decode_pre_connect_audio,
};
pub use record::RecordArgs;
pub use turn_detector::{TurnDetector, TurnDetectorArgs};

/// Talks until `hang_up` is cancelled, and then ends within a second; or until it ends the call.
///
/// # Errors
/// The agent cannot speak. That ends the session.
pub async fn run(
    call_io: CallIo,
    assistant: Arc<Assistant>,
    hang_up: CancellationToken,
) -> anyhow::Result<Over> {
    let (captions_tx, captions_rx) = captions::channel(assistant.metrics.clone());
    let publisher = CaptionPublisher {
        room: Arc::clone(&call_io.room),
        agent_name: Arc::clone(&call_io.agent_name),
        agent_track_id: call_io.voice_track_id.clone(),
        caller_rx: call_io.caller_rx.clone(),
        metrics: assistant.metrics.clone(),
    };
    let talking = async {
        // The publisher ends when nobody can send a caption any more.
        let captions_tx = captions_tx;
        dialogue::hold(call_io, assistant, &captions_tx, &hang_up).await
    };
    let (over, ()) = tokio::join!(talking, publisher.run(captions_rx, hang_up.clone()));
    over
}
