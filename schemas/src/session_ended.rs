//! The session-end payload, version 1. The comments of its fields are the descriptions in the JSON Schema.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{SessionId, SessionIdentity, timestamp};

/// The payload's version. Version 1 only grows: fields are added, none is changed or taken away.
pub const SCHEMA_VERSION: u32 = 1;

/// The session-end payload: what is known of one voice session when it has ended.
///
/// Readers ignore fields that they do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionEnded {
    /// Name of the LiveKit room.
    pub session_id: SessionId,
    /// What the visitor typed as e-mail address, unverified; empty where there is none.
    #[serde(default)]
    pub user_email: String,
    /// The participant's metadata as an object; empty where there is none.
    #[serde(default)]
    pub user_metadata: Map<String, Value>,
    /// When the agent joined the call, RFC 3339 in UTC.
    #[serde(with = "timestamp")]
    #[schemars(with = "DateTime<Utc>")]
    pub start_time: DateTime<Utc>,
    /// When the participant left or the session ended otherwise, RFC 3339 in UTC.
    #[serde(with = "timestamp")]
    #[schemars(with = "DateTime<Utc>")]
    pub end_time: DateTime<Utc>,
    /// From start to end, seconds.
    pub duration_seconds: f64,
    /// What the conversation brought to light, by name; `qualification_tier` is among them once it is known.
    #[serde(default)]
    pub discovered_signals: Map<String, Value>,
    /// Where each discovered signal comes from, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signal_sources: BTreeMap<String, SignalSource>,
    /// Tools that the conversation called, in order.
    #[serde(default)]
    pub tool_calls: Vec<ToolCall>,
    /// What the session used.
    #[serde(default)]
    pub metrics_summary: MetricsSummary,

    /// Version of this payload.
    #[serde(default = "first_version")]
    pub schema_version: u32,
    /// LiveKit's id of the job; with `session_id` it identifies the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// LiveKit's id of the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_sid: Option<String>,
    /// Name under which the agent is dispatched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    /// Version of the agent program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// LiveKit identity of the participant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant_identity: Option<String>,
    /// Why the session ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
    /// What was said, in order; absent where it is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Vec<TranscriptEntry>>,
    /// Names of the fields that were cut to keep the payload below its size limit; absent where all is whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truncated: Vec<String>,
}

impl SessionEnded {
    /// Who this event is. A payload without a job id has none before it has been published.
    pub fn identity(&self) -> Option<SessionIdentity> {
        let job_id = self.job_id.clone()?;
        Some(SessionIdentity { session_id: self.session_id.clone(), job_id })
    }

    /// Sets the end, and the duration that follows from it.
    pub fn end_at(&mut self, end_time: DateTime<Utc>) {
        self.end_time = end_time.max(self.start_time);
        let milliseconds = (self.end_time - self.start_time).num_milliseconds();
        self.duration_seconds = milliseconds as f64 / 1000.0;
    }
}

fn first_version() -> u32 {
    SCHEMA_VERSION
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The participant hung up.
    ParticipantLeft,
    /// The participant was removed from the room.
    ParticipantRemoved,
    /// The participant's connection was lost and did not come back within the grace.
    ConnectionLost,
    /// No participant came within the time limit, or none who gave a sign: was connected, and sent sound or text.
    ParticipantAbsent,
    /// The room was deleted or closed.
    RoomClosed,
    /// LiveKit ended the job.
    JobTerminated,
    /// The agent program was told to stop.
    AgentShutdown,
    /// The agent said goodbye: the conversation had come to its end, or nobody answered any more.
    AgentEnded,
    /// The speech or language services failed again and again.
    ProviderFailed,
    /// The call had lasted as long as a call may.
    TimeLimit,
    /// The call had used up one of its budgets, such as that of turns or of prompts.
    BudgetSpent,
    /// The session failed inside the agent.
    AgentFailed,
    /// The agent process died; another one finished the session from its journal.
    AgentRecovered,
    /// A reason of a newer version.
    #[serde(other)]
    Unknown,
}

/// Where a signal comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignalSource {
    /// When it was recorded, RFC 3339 in UTC.
    #[serde(with = "timestamp")]
    #[schemars(with = "DateTime<Utc>")]
    pub recorded_at: DateTime<Utc>,
    /// The participant's turn that brought it, counted from 1.
    pub turn: u32,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// The arguments it was called with.
    #[serde(default)]
    pub arguments: Value,
    /// How it ended.
    pub outcome: ToolCallOutcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was called, RFC 3339 in UTC.
    #[serde(with = "timestamp")]
    #[schemars(with = "DateTime<Utc>")]
    pub start_time: DateTime<Utc>,
    /// How long it took, seconds.
    pub duration_seconds: f64,
}

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolCallOutcome {
    /// It answered.
    Success,
    /// It failed.
    Error,
    /// An outcome of a newer version.
    #[serde(other)]
    Unknown,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TranscriptEntry {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
    /// When it began, RFC 3339 in UTC.
    #[serde(with = "timestamp")]
    #[schemars(with = "DateTime<Utc>")]
    pub start_time: DateTime<Utc>,
    /// When it ended, RFC 3339 in UTC.
    #[serde(with = "timestamp")]
    #[schemars(with = "DateTime<Utc>")]
    pub end_time: DateTime<Utc>,
    /// Whether the other side cut it short; the text is then what was said so far.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The voice agent.
    Agent,
    /// The participant.
    User,
    /// A role of a newer version.
    #[serde(other)]
    Unknown,
}

/// What a session used: the names and units of LiveKit's UsageSummary, and beside them the audio itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MetricsSummary {
    /// Tokens in prompts.
    pub llm_prompt_tokens: u64,
    /// Tokens in prompts that the provider had cached.
    pub llm_prompt_cached_tokens: u64,
    /// Audio tokens in prompts.
    pub llm_input_audio_tokens: u64,
    /// Cached audio tokens in prompts.
    pub llm_input_cached_audio_tokens: u64,
    /// Text tokens in prompts.
    pub llm_input_text_tokens: u64,
    /// Cached text tokens in prompts.
    pub llm_input_cached_text_tokens: u64,
    /// Image tokens in prompts.
    pub llm_input_image_tokens: u64,
    /// Cached image tokens in prompts.
    pub llm_input_cached_image_tokens: u64,
    /// Tokens in completions.
    pub llm_completion_tokens: u64,
    /// Audio tokens in completions.
    pub llm_output_audio_tokens: u64,
    /// Image tokens in completions.
    pub llm_output_image_tokens: u64,
    /// Text tokens in completions.
    pub llm_output_text_tokens: u64,
    /// Tokens in prompts of early replies that were thrown away, as far as they are known; not among the others.
    pub llm_discarded_prompt_tokens: u64,
    /// Tokens in completions of these.
    pub llm_discarded_completion_tokens: u64,
    /// Characters turned into speech.
    pub tts_characters_count: u64,
    /// Speech made, seconds.
    pub tts_audio_duration: f64,
    /// Speech sent to be transcribed, seconds, each time that it was sent: what is billed.
    pub stt_audio_duration: f64,
    /// Audio received from the participant, seconds.
    pub audio_received_seconds: f64,
    /// Audio published to the participant, seconds.
    pub audio_published_seconds: f64,
    /// Turns of the participant.
    pub user_turns: u64,
    /// Replies that began before the participant's turn was certainly over.
    pub early_replies: u64,
    /// Of these, those that were used; the others were thrown away, because the participant went on.
    pub early_replies_used: u64,
    /// Calls of speech and language services that failed, after their retries.
    pub provider_errors: u64,
    /// What each service did, by its model: the names and units of LiveKit's ModelUsage, and beside them requests, failures
    /// and the cost. A service that took over from another one is an entry of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub model_usage: Vec<ModelUsage>,
    /// What all of it cost, by the operator's prices; absent where there are none, or a service that was used has none. A reply
    /// that was cut short is without tokens, and so without its part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Of the cost, ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_currency: Option<String>,
    /// What the participant waited for, over all turns.
    pub latencies: Latencies,
}

/// What one model of one service did in a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelUsage {
    /// What kind of service it is.
    #[serde(rename = "type")]
    pub kind: UsageType,
    /// Who runs it: `openai`, `livekit`, the host of a server, or what its operator calls it.
    #[serde(default)]
    pub provider: String,
    /// The model, as it was asked for.
    #[serde(default)]
    pub model: String,
    /// How often it was asked, or connected to.
    #[serde(default)]
    pub requests: u64,
    /// How often it failed, after its retries.
    #[serde(default)]
    pub failures: u64,
    /// Tokens in prompts, those of replies that were thrown away among them.
    #[serde(default)]
    pub input_tokens: u64,
    /// Of these, those that were cached.
    #[serde(default)]
    pub input_cached_tokens: u64,
    /// Of these, those of audio.
    #[serde(default)]
    pub input_audio_tokens: u64,
    /// Tokens in completions, likewise.
    #[serde(default)]
    pub output_tokens: u64,
    /// Of these, those of audio.
    #[serde(default)]
    pub output_audio_tokens: u64,
    /// Characters turned into speech.
    #[serde(default)]
    pub characters_count: u64,
    /// Speech that was transcribed or made, seconds.
    #[serde(default)]
    pub audio_duration: f64,
    /// What it cost, by the operator's prices; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

impl ModelUsage {
    /// Nothing yet, of a service and model without a name.
    pub fn of(kind: UsageType) -> Self {
        Self {
            kind,
            provider: String::new(),
            model: String::new(),
            requests: 0,
            failures: 0,
            input_tokens: 0,
            input_cached_tokens: 0,
            input_audio_tokens: 0,
            output_tokens: 0,
            output_audio_tokens: 0,
            characters_count: 0,
            audio_duration: 0.0,
            cost: None,
        }
    }
}

/// What kind of service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageType {
    /// Speech to text.
    SttUsage,
    /// A language model.
    LlmUsage,
    /// Text to speech.
    TtsUsage,
    /// A kind of a newer version.
    #[serde(other)]
    Unknown,
}

/// Latencies of turns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Latencies {
    /// From the end of the participant's speech until the turn was taken as over.
    pub end_of_utterance_delay: Latency,
    /// From the end of the participant's speech until its words were known.
    pub transcription_delay: Latency,
    /// From the request to the language model until its first token.
    pub llm_ttft: Latency,
    /// From the first sentence's request to text to speech until the first audio went out.
    pub tts_ttfb: Latency,
    /// From the end of the participant's speech until the first audio went out.
    pub e2e_latency: Latency,
}

/// One latency over a session, seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Latency {
    /// How often it was measured.
    pub count: u64,
    /// Half of them were at most this long.
    pub p50: f64,
    /// 95 of a hundred were at most this long.
    pub p95: f64,
}
