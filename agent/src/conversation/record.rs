//! Writes the conversation into the session's journal.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use schemas::{Role, ToolCall, TranscriptEntry, UsageType};
use serde_json::Value;
use service::traces;

use super::latencies::{LatencyRecord, Moments};
use super::reply_account::ReplyAccount;
use super::speech::progress::Said;
use super::turn_spans::{self, AgentTurn, UserTurn};
use super::turn_taking::Turn;
use crate::budget::Budget;
use crate::budget::kinds::Cut;
use crate::providers::reply::Usage;
use crate::redaction::redact;
use crate::spool::Journal;
use crate::traces::{Clock, JobTrace};

/// Most bytes that the arguments of one tool call may have in the payload.
const LONGEST_ARGUMENTS: usize = 4 * 1024;
/// Most bytes of tool calls in the payload.
const MOST_TOOL_CALL_BYTES: usize = 64_000;
/// Most bytes of one entry of the transcript, and about as many as are around its text.
const LONGEST_ENTRY: usize = 2_000;
const ENTRY_FRAME: usize = 130;
/// Most characters of a tool's name that a model has made up.
const LONGEST_NAME: usize = 64;

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

/// One session's journal, written as the operator has settled.
#[derive(Clone)]
pub(super) struct Record {
    journal: Journal,
    args: RecordArgs,
    budget: Budget,
    /// Bytes of the transcript and of the tool calls so far.
    bytes: Arc<[AtomicUsize; 2]>,
    /// What is known of the caller's turn that goes on: the last entry of the transcript, until it is whole.
    unfinished: Arc<Mutex<Option<TranscriptEntry>>>,
    /// Where its spans belong; none where nobody wants them.
    trace: Option<JobTrace>,
}

impl Record {
    pub(super) fn new(journal: Journal, args: RecordArgs, budget: Budget) -> Self {
        if args.agent_without_transcript {
            journal.update(|session| session.transcript = None);
        }
        let trace = journal.identity().and_then(JobTrace::sampled);
        Self { journal, args, budget, bytes: Arc::default(), unfinished: Arc::default(), trace }
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn user_said(&self, text: &str, spoken: Option<(Instant, Instant)>) {
        self.journal.update(|session| session.metrics_summary.user_turns += 1);
        self.said(Role::User, text, times(spoken), false);
    }

    /// What the caller has said of a turn that goes on.
    pub(super) fn user_is_saying(&self, text: &str, spoken: Option<(Instant, Instant)>) {
        let (entry, _) = self.entry(Role::User, text, times(spoken), false);
        let bytes = self.bytes[0].load(Ordering::Relaxed) + entry.text.len() + ENTRY_FRAME;
        if bytes <= self.budget.transcript_bytes() {
            self.put(None, Some(entry));
        }
    }

    /// It was no turn.
    pub(super) fn user_said_nothing(&self) {
        self.put(None, None);
    }

    pub(super) fn agent_said(&self, said: &Said) {
        self.journal.update(|session| {
            session.metrics_summary.audio_published_seconds += said.seconds;
        });
        self.synthesised(said);
        if let Some(start_time) = said.start_time
            && !said.text.is_empty()
        {
            let end_time = start_time + Duration::from_secs_f64(said.seconds);
            self.said(Role::Agent, &said.text, (start_time, end_time.min(Utc::now())), !said.whole);
        }
    }

    /// A listener's "uh-huh", which is no turn.
    pub(super) fn user_listened(&self, text: &str, spoken: Option<(Instant, Instant)>) {
        self.said(Role::User, text, times(spoken), false);
    }

    /// What was synthesised of a reply, heard or not: what a provider counts.
    pub(super) fn synthesised(&self, said: &Said) {
        self.journal.update(|session| {
            let metrics = &mut session.metrics_summary;
            metrics.tts_characters_count += said.synthesised_characters;
            metrics.tts_audio_duration += said.synthesised_seconds;
        });
    }

    /// A reply that began early was used, or thrown away.
    pub(super) fn early_reply(&self, used: bool) {
        self.journal.update(|session| {
            session.metrics_summary.early_replies += 1;
            session.metrics_summary.early_replies_used += u64::from(used);
        });
    }

    /// Tokens of a reply that was thrown away, as far as they are known.
    pub(super) fn discarded(&self, usage: &Usage) {
        self.journal.update(|session| {
            let metrics = &mut session.metrics_summary;
            for (total, tokens) in [
                (&mut metrics.llm_discarded_prompt_tokens, usage.prompt_tokens),
                (&mut metrics.llm_discarded_completion_tokens, usage.completion_tokens),
            ] {
                *total = total.saturating_add(tokens);
            }
        });
    }

    fn said(&self, role: Role, text: &str, times: (DateTime<Utc>, DateTime<Utc>), interrupted: bool) {
        let (entry, cut) = self.entry(role, text, times, interrupted);
        let fits = self.fits(0, entry.text.len() + ENTRY_FRAME, self.budget.transcript_bytes());
        // A turn of the caller's takes the place of what was known of it.
        let unfinished = if role == Role::User { None } else { self.unfinished().clone() };
        self.put(fits.then_some(entry), unfinished);
        if cut || !fits {
            self.budget.cut(Cut::Transcript);
            self.journal.update(|session| {
                if session.transcript.is_some() {
                    mark_truncated(&mut session.truncated, "transcript");
                }
            });
        }
    }

    /// An entry of the transcript, and whether it was cut.
    fn entry(
        &self,
        role: Role,
        text: &str,
        (start_time, end_time): (DateTime<Utc>, DateTime<Utc>),
        interrupted: bool,
    ) -> (TranscriptEntry, bool) {
        // Before anything is cut: half an address is not known as one.
        let text = if self.args.agent_redact { redact(text) } else { text.to_owned() };
        let (text, cut) = cut_text(text, LONGEST_ENTRY);
        (TranscriptEntry { role, text, start_time, end_time, interrupted }, cut)
    }

    /// Adds an entry to the transcript, and what is unfinished behind it; what was there of that goes.
    fn put(&self, entry: Option<TranscriptEntry>, unfinished: Option<TranscriptEntry>) {
        let mut before = self.unfinished();
        if entry.is_none() && *before == unfinished {
            return;
        }
        // What was heard is on the disk before the next beat: this process may die.
        self.journal.update_soon(|session| {
            let Some(transcript) = &mut session.transcript else { return };
            if before.is_some() {
                transcript.pop();
            }
            transcript.extend(entry.into_iter().chain(unfinished.clone()));
        });
        *before = unfinished;
    }

    fn unfinished(&self) -> MutexGuard<'_, Option<TranscriptEntry>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the spans of a turn of the caller's that is over.
    pub(super) fn trace_user_turn(&self, number: u32, turn: &Turn) {
        let Some(trace) = &self.trace else { return };
        let transcribed_by = self.journal.read(|session| {
            let mut usage = session.metrics_summary.model_usage.iter();
            let last = usage.rfind(|usage| usage.kind == UsageType::SttUsage);
            last.map(|usage| (usage.provider.clone(), usage.model.clone()))
        });
        let transcribed_by =
            transcribed_by.as_ref().map(|(service, model)| (service.as_str(), model.as_str()));
        let (clock, over, text) = (Clock::now(), Instant::now(), self.content(&turn.text));
        let (spoken, text) = (turn.spoken, text.as_deref());
        traces::record(turn_spans::user_turn(
            trace,
            clock,
            &UserTurn { number, spoken, over, transcribed_by, text },
        ));
    }

    /// Makes the spans of what the agent has said, or was about to say to a caller who went on.
    pub(super) fn trace_agent_turn(&self, reply: &ReplyTimes<'_>, said: &Said, discarded: bool) {
        let Some(trace) = &self.trace else { return };
        let (asked, text) = (reply.account.asked(), self.content(&said.text));
        let turn = AgentTurn {
            number: reply.turn,
            discarded,
            moments: reply.moments,
            asked: &asked,
            said,
            ended: Instant::now(),
            text: text.as_deref(),
        };
        traces::record(turn_spans::agent_turn(trace, Clock::now(), &turn));
    }

    /// A text as it may stand in a span: where it may, and never with an address or a number.
    fn content(&self, text: &str) -> Option<String> {
        (traces::capture_content() && !self.args.agent_without_transcript).then(|| redact(text))
    }

    /// `is_known` is false where the persona has no such tool: its name is then whatever the model has heard or made up.
    pub(super) fn tool_called(&self, turn: u32, mut call: ToolCall, is_known: bool) {
        if let Some(trace) = &self.trace {
            let arguments = self.content(&call.arguments.to_string());
            let span = turn_spans::function_tool(trace, turn, &call, is_known, arguments.as_deref());
            traces::record([span]);
        }
        if !is_known {
            call.name = if self.args.agent_redact { "unknown".to_owned() } else { short(&call.name) };
        }
        // What is no JSON may spell an address in escapes that nobody resolves.
        if self.args.agent_redact && call.arguments.is_string() {
            call.arguments = Value::from("left out: no JSON");
        }
        if call.arguments.to_string().len() > LONGEST_ARGUMENTS {
            call.arguments = Value::from("left out: longer than 4 KiB");
        }
        let bytes = serde_json::to_vec(&call).map_or(0, |encoded| encoded.len());
        let fits = self.fits(1, bytes, MOST_TOOL_CALL_BYTES);
        if !fits {
            self.budget.cut(Cut::ToolCalls);
        }
        self.journal.update(|session| {
            if fits {
                session.tool_calls.push(call);
            } else {
                mark_truncated(&mut session.truncated, "tool_calls");
            }
        });
    }

    /// Whether the payload has room for more of a part of it. Once it had none it has none: what follows would not be whole.
    fn fits(&self, part: usize, bytes: usize, most: usize) -> bool {
        self.bytes[part].fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= most
    }

    pub(super) fn received(&self, seconds: f64) {
        self.journal.update(|session| session.metrics_summary.audio_received_seconds += seconds);
    }

    pub(super) fn provider_failed(&self) {
        self.journal.update(|session| session.metrics_summary.provider_errors += 1);
    }

    pub(super) fn used(&self, usage: &Usage) {
        self.journal.update(|session| {
            let metrics = &mut session.metrics_summary;
            let input_text = usage.prompt_tokens.saturating_sub(usage.prompt_audio_tokens);
            let output_text = usage.completion_tokens.saturating_sub(usage.completion_audio_tokens);
            for (total, tokens) in [
                (&mut metrics.llm_prompt_tokens, usage.prompt_tokens),
                (&mut metrics.llm_prompt_cached_tokens, usage.prompt_cached_tokens),
                (&mut metrics.llm_input_audio_tokens, usage.prompt_audio_tokens),
                (&mut metrics.llm_input_text_tokens, input_text),
                (&mut metrics.llm_input_cached_text_tokens, usage.prompt_cached_tokens),
                (&mut metrics.llm_completion_tokens, usage.completion_tokens),
                (&mut metrics.llm_output_audio_tokens, usage.completion_audio_tokens),
                (&mut metrics.llm_output_text_tokens, output_text),
            ] {
                // A server may count whatever it likes.
                *total = total.saturating_add(tokens);
            }
        });
    }

    pub(super) fn waited(&self, latencies: &mut LatencyRecord, turn: &Moments) {
        self.budget.metrics().waited(&latencies.add(turn));
        let summary = latencies.summary();
        self.journal.update(|session| session.metrics_summary.latencies = summary);
    }
}

/// What is noted of a reply while it is made and said.
pub(super) struct ReplyTimes<'a> {
    /// The caller's turn that it answers; none where it is one of the persona's own sentences.
    pub(super) turn: Option<u32>,
    pub(super) moments: &'a Moments,
    pub(super) account: &'a ReplyAccount,
}

/// At most so many bytes of a text, and whether that is less than all.
fn cut_text(mut text: String, most: usize) -> (String, bool) {
    let cut = text.len() > most;
    if cut {
        text.truncate(text.floor_char_boundary(most - '…'.len_utf8()));
        text.push('…');
    }
    (text, cut)
}

fn mark_truncated(truncated: &mut Vec<String>, field: &str) {
    if !truncated.iter().any(|name| name == field) {
        truncated.push(field.to_owned());
    }
}

/// When something was said, by the wall clock; what was typed is of now.
fn times(spoken: Option<(Instant, Instant)>) -> (DateTime<Utc>, DateTime<Utc>) {
    let now = (Instant::now(), Utc::now());
    match spoken {
        Some((began, ended)) => (time_of(began, now), time_of(ended, now)),
        None => (now.1, now.1),
    }
}

/// What the wall clock showed then.
fn time_of(then: Instant, (instant, time): (Instant, DateTime<Utc>)) -> DateTime<Utc> {
    time - instant.saturating_duration_since(then)
}

fn short(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}
