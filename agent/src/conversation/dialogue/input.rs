//! What can happen in a conversation, and the futures that wait for it. All of them are cancel-safe.

use std::future::pending;
use std::time::Instant;

use futures::StreamExt as _;
use livekit::webrtc::audio_frame::AudioFrame;
use livekit::webrtc::audio_stream::native::NativeAudioStream;
use schemas::EndReason;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::active_reply::ActiveReply;
use crate::conversation::reply::GenerationEvent;
use crate::conversation::session_tools::ToolsAnswered;
use crate::conversation::speech::event::SpeechEvent;
use crate::conversation::transcriber::Heard;
use crate::conversation::turn_detector::Judgement;

/// Something that has happened to a conversation.
pub(super) enum Input {
    /// A frame of the caller's track.
    Audio(AudioFrame<'static>),
    /// What the caller said before the agent was there.
    PreConnectAudio(Vec<i16>),
    Typed(String),
    Heard(Heard),
    Judged(Judgement),
    ToolsAnswered(ToolsAnswered),
    Generation(GenerationEvent),
    Speech(SpeechEvent),
    /// A deadline of turn taking has come.
    Due,
}

/// The next frame of the caller's track; waits for ever where there is none.
pub(super) async fn next_frame(microphone: &mut Option<NativeAudioStream>) -> AudioFrame<'static> {
    if let Some(stream) = microphone {
        if let Some(frame) = stream.next().await {
            return frame;
        }
        *microphone = None;
    }
    pending().await
}

/// What was judged of how the turn was said; waits for ever where nobody judges.
pub(super) async fn judged(judging: &mut Option<JoinHandle<Option<Judgement>>>) -> Judgement {
    if let Some(judgement) = judging {
        let judgement = judgement.await;
        *judging = None;
        if let Ok(Some(judgement)) = judgement {
            return judgement;
        }
    }
    pending().await
}

/// What becomes of the reply that is active; waits for ever where there is none.
pub(super) async fn next_of_reply(reply: &mut Option<ActiveReply>) -> Input {
    let Some(reply) = reply else { return pending().await };
    tokio::select! {
        // A failure was told before the speech without words ended, and has to be known first.
        biased;
        Some(event) = reply.generation_rx.recv() => Input::Generation(event),
        Some(event) = reply.speech_rx.recv() => Input::Speech(event),
        else => pending().await,
    }
}

/// The reason, when its time has come; waits for ever where there is none.
pub(super) async fn resolved_at(leave_by: Option<(Instant, EndReason)>) -> EndReason {
    let Some((at, reason)) = leave_by else { return pending().await };
    sleep_until(at.into()).await;
    reason
}
