//! Replies of a conversation: has them generated and spoken, follows them to their end, and apologises where a service fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use schemas::EndReason;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, warn};

use super::active_reply::{ActiveReply, OneMoment, Phrase};
use super::state::Dialogue;
use crate::agent_state::AgentState;
use crate::budget::kinds::Budgeted;
use crate::conversation::captions::Caption;
use crate::conversation::disclosure::Disclosure;
use crate::conversation::latencies::Moments;
use crate::conversation::record::ReplyTimes;
use crate::conversation::reply::{Generation, GenerationEvent};
use crate::conversation::reply_account::ReplyAccount;
use crate::conversation::speech::event::SpeechEvent;
use crate::conversation::speech::progress::Said;
use crate::conversation::speech::{Speech, Synthesis};
use crate::conversation::turn_taking::{Event, Turn};
use crate::providers::error::ProviderError;
use crate::providers::message::ChatMessage;

/// A caller waits no longer without a word, where the language model has none yet.
const ONE_MOMENT: Duration = Duration::from_secs(4);

/// When a reply begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    TurnOver,
    /// The caller may go on.
    Early,
}

/// Failures of services in a row after which the call is ended.
const MOST_FAILURES: usize = 3;

impl Dialogue {
    /// Begins the reply to a turn of the caller's, or goes on with the one that began early.
    pub(super) async fn reply_to(&mut self, turn: Turn) -> anyhow::Result<()> {
        if self.budget.spend(Budgeted::Turns, 1).is_err() {
            return self.discard().await;
        }
        self.turn += 1;
        self.times_away = 0;
        self.record.user_said(&turn.text, turn.spoken.map(|spoken| (spoken.began, spoken.ended)));
        self.record.trace_user_turn(self.turn, &turn);
        if turn.spoken.is_some() {
            self.show_caller(&turn.text, true);
        }
        self.segments.caller_turn_over();
        let early_reply = self.take_early_reply(&turn.text).await?;
        let mut reply = early_reply.unwrap_or_else(|| self.generate(&turn.text, When::TurnOver));
        self.history.add(ChatMessage::User { content: turn.text });
        reply.typed = turn.spoken.is_none();
        reply.moments.speech_ended = turn.spoken.map(|spoken| spoken.ended);
        reply.moments.transcribed = turn.spoken.map(|spoken| spoken.transcribed);
        reply.moments.turn_over = Some(Instant::now());
        self.reply = Some(reply);
        self.show(Caption::State(AgentState::Thinking));
        Ok(())
    }

    /// Has the reply to a text generated and spoken.
    pub(super) fn generate(&mut self, text: &str, when: When) -> ActiveReply {
        let (sentences_tx, sentences_rx) = mpsc::unbounded_channel();
        let (events_tx, events_rx) = mpsc::unbounded_channel();
        let (may_act_tx, may_act_rx) = watch::channel(when == When::TurnOver);
        let turn = if when == When::TurnOver { self.turn } else { self.turn + 1 };
        let mut messages = self.history.messages();
        messages.push(ChatMessage::User { content: text.to_owned() });
        let sentences = sentences_tx.downgrade();
        let account = ReplyAccount::on(Arc::clone(&self.account));
        let generation = Generation {
            model: self.assistant.language_model.clone(),
            messages,
            tools: self.tools.in_turn(turn),
            budget: self.budget.clone(),
            account: account.clone(),
            disclosure: Disclosure::new(self.assistant.persona.disclosure(), text),
            may_act_rx,
            sentences_tx,
            events_tx,
            said: 0,
        };
        let generation = AbortOnDropHandle::new(tokio::spawn(generation.run().in_current_span()));
        let reply = self.speak(None, when, sentences_rx, events_rx, account);
        let now = Instant::now();
        let one_moment = OneMoment { due: now + ONE_MOMENT, sentences_tx: sentences };
        let moments = Moments { asked: Some(now), ..Moments::default() };
        ActiveReply {
            turn: Some(turn),
            may_act_tx,
            moments,
            one_moment: Some(one_moment),
            _generation: Some(generation),
            ..reply
        }
    }

    /// Says one of the persona's own sentences.
    pub(super) fn say(&mut self, phrase: Phrase) {
        let persona = &self.assistant.persona;
        let text = match phrase {
            Phrase::Greeting => persona.greeting(),
            Phrase::StillThere => persona.still_there(),
            Phrase::Apology => persona.apology(),
            Phrase::Goodbye => persona.goodbye(),
            Phrase::TimeIsUp => persona.time_is_up(),
        };
        let (sentences_tx, sentences_rx) = mpsc::unbounded_channel();
        // It is received below.
        drop(sentences_tx.send(text.to_owned()));
        let (_, events_rx) = mpsc::unbounded_channel();
        self.turns.agent_begins();
        let account = ReplyAccount::on(Arc::clone(&self.account));
        self.reply = Some(self.speak(Some(phrase), When::TurnOver, sentences_rx, events_rx, account));
    }

    fn speak(
        &mut self,
        phrase: Option<Phrase>,
        when: When,
        sentences_rx: mpsc::UnboundedReceiver<String>,
        generation_rx: mpsc::UnboundedReceiver<GenerationEvent>,
        account: Arc<ReplyAccount>,
    ) -> ActiveReply {
        // The last sentence is beyond the budget.
        let budget = (phrase != Some(Phrase::TimeIsUp)).then(|| self.budget.clone());
        let synthesis = Synthesis {
            cached_speech: Arc::clone(&self.assistant.cached_speech),
            budget,
            account: account.clone(),
        };
        let paused = when == When::Early;
        let (speech, speech_rx) = Speech::start(synthesis, self.voice.clone(), sentences_rx, paused);
        ActiveReply {
            phrase,
            turn: None,
            typed: false,
            failed: false,
            segment: self.segments.new_segment(),
            moments: Moments::default(),
            account,
            generation_rx,
            speech,
            speech_rx,
            one_moment: None,
            may_act_tx: watch::Sender::new(true),
            _generation: None,
        }
    }

    pub(super) fn generated(&mut self, event: GenerationEvent) {
        let Some(reply) = &mut self.reply else { return };
        match event {
            GenerationEvent::FirstToken(at) => reply.moments.first_token = Some(at),
            GenerationEvent::FirstSentence(at) => {
                reply.one_moment = None;
                reply.moments.first_sentence.get_or_insert(at);
            }
            GenerationEvent::Used(usage) => self.record.used(&usage),
            GenerationEvent::Failed(error) => {
                // What it has said already is spoken to its end.
                reply.failed = true;
                self.failed(&error);
            }
        }
    }

    /// Says that it takes a moment, where the reply has come to nothing by now.
    pub(super) fn say_one_moment(&mut self, now: Instant) {
        let Some(reply) = &mut self.reply else { return };
        if let Some(OneMoment { sentences_tx, .. }) =
            reply.one_moment.take_if(|one_moment| one_moment.due <= now)
            && let Some(sentences_tx) = sentences_tx.upgrade()
        {
            drop(sentences_tx.send(self.assistant.persona.one_moment().to_owned()));
        }
    }

    /// Why the call ends, where it does.
    pub(super) async fn spoken(&mut self, event: SpeechEvent) -> anyhow::Result<Option<EndReason>> {
        let Some(reply) = &mut self.reply else { return Ok(None) };
        match event {
            SpeechEvent::Began(at) => {
                reply.moments.first_audio = Some(at);
                self.show(Caption::State(AgentState::Speaking));
                self.take_turns(Event::VoiceBegan).await?;
            }
            SpeechEvent::Sentence(text) => {
                let segment = reply.segment.clone();
                self.show(Caption::AgentSays { segment, text });
            }
            SpeechEvent::Ended => return self.reply_ended().await,
            SpeechEvent::Failed(error) => {
                reply.failed = true;
                self.failed(&error);
                return self.reply_ended().await;
            }
        }
        Ok(None)
    }

    async fn reply_ended(&mut self) -> anyhow::Result<Option<EndReason>> {
        let (phrase, failed) =
            self.reply.as_ref().map_or((None, false), |reply| (reply.phrase, reply.failed));
        let said = self.finish_reply().await?;
        let asked = said.text.trim_end().ends_with(['?', '？']);
        self.take_turns(Event::VoiceEnded { asked }).await?;
        if self.takes_leave {
            return Ok(self.ends);
        }
        // Who was taken for away, and speaks into the farewell, is there.
        let was_away = phrase == Some(Phrase::Goodbye) && self.times_away > 0;
        if was_away && self.turns.has_the_callers_words() {
            (self.ends, self.times_away) = (None, 0);
        }
        let said_nothing = said.text.is_empty() || said.text == self.assistant.persona.one_moment();
        let silent = phrase.is_none() && said_nothing;
        if failed {
            // An apology that failed is not apologised for.
            if phrase != Some(Phrase::Apology) {
                self.say(Phrase::Apology);
                return Ok(None);
            }
        } else if phrase.is_none() && !silent {
            self.failures = 0;
        }
        // A model without a word leaves the words to the persona: the caller waits for some.
        if silent && !failed {
            self.say(if self.ends.is_some() { Phrase::Goodbye } else { Phrase::Apology });
            return Ok(None);
        }
        Ok(self.ends)
    }

    /// Stops what is being said, if it has not ended, and writes down what the caller has heard of it.
    pub(super) async fn finish_reply(&mut self) -> anyhow::Result<Said> {
        let Some(ActiveReply { turn, typed, segment, moments, account, speech, .. }) = self.reply.take()
        else {
            return Ok(Said::default());
        };
        let said = speech.stop().await?;
        self.record.agent_said(&said);
        let times = ReplyTimes { turn, moments: &moments, account: &account };
        self.record.trace_agent_turn(&times, &said, false);
        self.record.waited(&mut self.latencies, &moments);
        self.history.add_said(&said.text, !said.whole);
        if typed && !said.text.is_empty() {
            self.show(Caption::Chat(said.text.clone()));
        }
        self.show(Caption::AgentSaid { segment, text: said.text.clone() });
        self.show(Caption::State(AgentState::Listening));
        Ok(said)
    }

    /// A service has failed; after some failures in a row the call ends with what is said next.
    pub(super) fn failed(&mut self, error: &ProviderError) {
        self.failures += 1;
        self.record.provider_failed();
        warn!(failures = self.failures, "a service failed: {error}");
        if self.failures >= MOST_FAILURES && !self.takes_leave {
            self.ends = Some(EndReason::ProviderFailed);
        }
    }
}
