//! The loop of a conversation: what is heard and typed goes to the rules of turn taking, and what they decide is done.
//!
//! `input` has what can happen, `state` what a conversation knows, `turns` does what turn taking decides, `replies` has replies
//! generated and spoken, and `early` those that begin before a turn is certainly over.

mod active_reply;
mod early;
mod input;
mod replies;
mod segments;
mod state;
mod turns;

use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit::webrtc::audio_stream::native::NativeAudioStream;
use schemas::EndReason;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::assistant::Assistant;
use super::call_io::{CHANNELS, CallIo, Over};
use super::captions::CaptionSender;
use super::record::Record;
use super::session_tools::SessionTools;
use super::vad::VAD_SAMPLE_RATE;
use active_reply::Phrase;
use input::{Input, judged, next_frame, next_of_reply, resolved_at};
use state::Dialogue;

/// Longest that the greeting waits for somebody to receive the agent's track; a page may never subscribe.
const AUDIBLE_LIMIT: Duration = Duration::from_secs(3);
/// Longest that the last sentence of a call whose budget is used up may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(20);

/// Holds the conversation until it is over.
pub(super) async fn hold(
    call_io: CallIo,
    assistant: Arc<Assistant>,
    captions_tx: &CaptionSender,
    hang_up: &CancellationToken,
) -> anyhow::Result<Over> {
    let CallIo {
        room,
        voice,
        mut audible_rx,
        mut microphone_rx,
        mut pre_connect_audio_rx,
        mut typed_rx,
        journal,
        budget,
        ..
    } = call_io;
    let audible = timeout(AUDIBLE_LIMIT, audible_rx.wait_for(|audible| *audible));
    match hang_up.run_until_cancelled(audible).await {
        None => return Ok(Over::HungUp),
        Some(Err(_)) => debug!("nobody receives the agent's track yet"),
        Some(Ok(_)) => {}
    }
    let (tool_answers_tx, mut tool_answers_rx) = mpsc::unbounded_channel();
    let record = Record::new(journal, assistant.record, budget.clone());
    let tools = SessionTools::new(
        assistant.toolbox.clone(),
        Arc::clone(&assistant.persona),
        record.clone(),
        room.name().into(),
        tool_answers_tx,
    );
    let mut dialogue = Dialogue::new(assistant, voice, record, tools, captions_tx.clone(), budget.clone());
    let mut microphone: Option<NativeAudioStream> = None;
    let mut leave_by: Option<(Instant, EndReason)> = None;
    let spent = budget.spent();
    tokio::pin!(spent);
    let _prepared = dialogue.assistant.cached_speech.prepare();
    dialogue.say(Phrase::Greeting);
    loop {
        let deadline = dialogue.deadline(Instant::now());
        let input = tokio::select! {
            // Tools have answered before the reply that called them ends, and may end the call with it.
            biased;
            () = hang_up.cancelled() => {
                dialogue.over().await?;
                return Ok(Over::HungUp);
            }
            reason = &mut spent, if leave_by.is_none() => {
                leave_by = Some((Instant::now() + LEAVE_LIMIT, reason));
                dialogue.take_leave(reason).await?;
                continue;
            }
            reason = resolved_at(leave_by) => return Ok(Over::EndsTheCall(reason)),
            Some(newer) = microphone_rx.recv() => {
                let track = newer.track.rtc_track();
                let stream = NativeAudioStream::new(track, VAD_SAMPLE_RATE as i32, CHANNELS as i32);
                microphone = Some(stream);
                if newer.has_pre_connect_audio {
                    dialogue.transcriber.wait_for_pre_connect_audio();
                }
                continue;
            }
            Some(samples) = pre_connect_audio_rx.recv() => Input::PreConnectAudio(samples),
            frame = next_frame(&mut microphone) => Input::Audio(frame),
            Some(text) = typed_rx.recv() => Input::Typed(text),
            judgement = judged(&mut dialogue.judging) => Input::Judged(judgement),
            heard = dialogue.transcriber.hear() => Input::Heard(heard),
            Some(answer) = tool_answers_rx.recv() => Input::ToolsAnswered(answer),
            input = next_of_reply(&mut dialogue.reply) => input,
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => Input::Due,
        };
        if let Some(reason) = dialogue.on(input).await? {
            if !dialogue.takes_leave {
                dialogue.over().await?;
            }
            return Ok(Over::EndsTheCall(reason));
        }
    }
}
