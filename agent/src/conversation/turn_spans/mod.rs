//! The spans of a turn, made at its end of what was noted meanwhile: nothing is measured for them while somebody waits. No IO.
//!
//! Names are those of livekit-agents, attributes those that it uses and OpenTelemetry's for generative AI.

#[cfg(test)]
mod tests;

use std::time::{Instant, SystemTime};

use schemas::{ToolCall, ToolCallOutcome};
use service::traces::{Span, SpanContext, SpanKind, child};

use super::latencies::Moments;
use super::reply_account::Asked;
use super::speech::progress::Said;
use super::turn_taking::Spoken;
use crate::providers::error::Provider;
use crate::traces::session::count;
use crate::traces::{Clock, JobTrace};

/// A turn of the caller's that is over.
pub(super) struct UserTurn<'a> {
    /// From 1.
    pub(super) number: u32,
    /// None where it was typed.
    pub(super) spoken: Option<Spoken>,
    pub(super) over: Instant,
    /// Who has transcribed it: service and model.
    pub(super) transcribed_by: Option<(&'a str, &'a str)>,
    /// Where texts are wanted.
    pub(super) text: Option<&'a str>,
}

/// What the agent has said, or was about to say.
pub(super) struct AgentTurn<'a> {
    /// The caller's turn that it answers; none where it is one of the persona's own sentences.
    pub(super) number: Option<u32>,
    /// It began early, and the caller went on.
    pub(super) discarded: bool,
    pub(super) moments: &'a Moments,
    pub(super) asked: &'a [Asked],
    pub(super) said: &'a Said,
    pub(super) ended: Instant,
    /// Where texts are wanted.
    pub(super) text: Option<&'a str>,
}

/// `user_turn`, and in it what the caller waited for.
pub(super) fn user_turn(trace: &JobTrace, clock: Clock, turn: &UserTurn<'_>) -> Vec<Span> {
    let over = clock.at(turn.over);
    let began = turn.spoken.map_or(over, |spoken| clock.at(spoken.began));
    let (session, context) = (trace.session(), child(trace.job()));
    let below =
        |name: &'static str, began, ended| Span::new(child(&context), Some(&context), name, began, ended);
    let span = Span::new(context.clone(), Some(&session), "user_turn", began, over)
        .with("postcall.turn", i64::from(turn.number))
        .with("postcall.typed", turn.spoken.is_none())
        .with_content("lk.pii.user_transcript", turn.text);
    let Some(Spoken { ended, transcribed, .. }) = turn.spoken else { return vec![span] };
    let waited = |until: Instant| until.saturating_duration_since(ended).as_secs_f64();
    let silent = clock.at(ended);
    let mut transcription = below("stt_node", began, clock.at(transcribed))
        .of_kind(SpanKind::Client)
        .with("gen_ai.operation.name", "transcription")
        .with("lk.transcription_delay", waited(transcribed));
    if let Some((service, model)) = turn.transcribed_by {
        transcription =
            transcription.with_text("gen_ai.provider.name", service).with_text("gen_ai.request.model", model);
    }
    vec![
        span.with("lk.transcription_delay", waited(transcribed))
            .with("lk.end_of_turn_delay", waited(turn.over)),
        below("user_speaking", began, silent),
        transcription,
        below("eou_wait", silent, over).with("lk.eou.wait_duration", waited(turn.over)),
    ]
}

/// `agent_turn`, and in it each service that was asked, and the voice as the caller has heard it.
pub(super) fn agent_turn(trace: &JobTrace, clock: Clock, turn: &AgentTurn<'_>) -> Vec<Span> {
    let context = match turn.number {
        Some(number) if !turn.discarded => trace.agent_turn(number),
        _ => child(trace.job()),
    };
    let (ended, heard) = (clock.at(turn.ended), turn.said.start_time.map(SystemTime::from));
    let asked = turn.asked.iter().map(|asked| clock.at(asked.began));
    let began = asked.chain(turn.moments.asked.map(|asked| clock.at(asked))).chain(heard).min();
    let moments = turn.moments;
    let waited = moments.speech_ended.zip(moments.first_audio);
    let waited = waited.map(|(silent, audio)| audio.saturating_duration_since(silent).as_secs_f64());
    let span =
        Span::new(context.clone(), Some(&trace.session()), "agent_turn", began.unwrap_or(ended), ended)
            .with_some("postcall.turn", turn.number.map(i64::from))
            .with("postcall.discarded", turn.discarded)
            .with("lk.interrupted", !turn.said.whole)
            .with_some("lk.e2e_latency", waited)
            .with_content("lk.pii.response.text", turn.text);
    let mut spans = vec![span];
    spans.extend(turn.asked.iter().filter_map(|asked| service(&context, clock, asked, turn.ended)));
    if let Some(heard) = heard {
        let silent = heard + std::time::Duration::from_secs_f64(turn.said.seconds.max(0.0));
        spans.push(Span::new(child(&context), Some(&context), "agent_speaking", heard, silent));
    }
    spans
}

/// A service that was asked for a reply. What it was still at is given up with the reply.
fn service(turn: &SpanContext, clock: Clock, asked: &Asked, turn_ended: Instant) -> Option<Span> {
    let (name, operation) = match asked.service.provider {
        Provider::LanguageModel => ("llm_request", "chat"),
        Provider::TextToSpeech => ("tts_request", "speech"),
        Provider::SpeechToText => return None,
    };
    let (began, ended) = (clock.at(asked.began), clock.at(asked.ended.unwrap_or(turn_ended)));
    let first = asked.answers.map(|at| at.saturating_duration_since(asked.began).as_secs_f64());
    let mut span = Span::new(child(turn), Some(turn), name, began, ended)
        .of_kind(SpanKind::Client)
        .with("gen_ai.operation.name", operation)
        .with_text("gen_ai.provider.name", &asked.service.service)
        .with_text("gen_ai.request.model", &asked.service.model);
    span = if asked.service.provider == Provider::LanguageModel {
        span.with_some("gen_ai.response.time_to_first_chunk", first)
            .with_some("lk.response.ttft", first)
            .with_some("gen_ai.usage.input_tokens", asked.usage.map(|usage| count(usage.prompt_tokens)))
            .with_some("gen_ai.usage.output_tokens", asked.usage.map(|usage| count(usage.completion_tokens)))
    } else {
        span.with("gen_ai.output.type", "speech")
            .with_some("lk.response.ttfb", first)
            .with("postcall.characters", count(asked.characters))
            .with("postcall.audio_seconds", asked.seconds)
    };
    Some(if asked.failed { span.failed("_OTHER") } else { span })
}

/// `function_tool`. One that the persona does not have is called what a model has made up, which may be what somebody said.
pub(super) fn function_tool(
    trace: &JobTrace,
    turn: u32,
    call: &ToolCall,
    is_known: bool,
    text: Option<&str>,
) -> Span {
    let context = trace.agent_turn(turn);
    let began = SystemTime::from(call.start_time);
    let took = std::time::Duration::try_from_secs_f64(call.duration_seconds).unwrap_or_default();
    let name = if is_known { call.name.as_str() } else { "unknown" };
    let is_error = call.outcome != ToolCallOutcome::Success;
    let span = Span::new(child(&context), Some(&context), "function_tool", began, began + took)
        .with("gen_ai.operation.name", "execute_tool")
        .with("gen_ai.tool.type", "function")
        .with_text("gen_ai.tool.name", name)
        .with_text("lk.function_tool.name", name)
        .with("lk.function_tool.is_error", is_error)
        .with_content("gen_ai.tool.call.arguments", text);
    if is_error { span.failed("_OTHER") } else { span }
}
