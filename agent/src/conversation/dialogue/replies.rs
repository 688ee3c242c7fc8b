//! Replies of a conversation: has them generated and spoken, follows them to their end, and apologises where a service fails.

use std::sync::Arc;
use std::time::Instant;

use schemas::EndReason;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, warn};

use super::active_reply::{ActiveReply, Phrase};
use super::state::Dialogue;
use crate::agent_state::AgentState;
use crate::budget::kinds::Budgeted;
use crate::conversation::captions::Caption;
use crate::conversation::disclosure::Disclosure;
use crate::conversation::latencies::Moments;
use crate::conversation::reply::{Generation, GenerationEvent};
use crate::conversation::speech::Speech;
use crate::conversation::speech::event::SpeechEvent;
use crate::conversation::speech::progress::Said;
use crate::conversation::turn_taking::{Event, Turn};
use crate::providers::error::ProviderError;
use crate::providers::message::ChatMessage;

/// Failures of services in a row after which the call is ended.
const MOST_FAILURES: usize = 3;

impl Dialogue {
    /// Begins the reply to a turn of the caller's.
    pub(super) fn reply_to(&mut self, turn: Turn) {
        if self.budget.spend(Budgeted::Turns, 1).is_err() {
            return;
        }
        self.turn += 1;
        self.times_away = 0;
        self.record.user_said(&turn.text, turn.spoken.map(|spoken| (spoken.began, spoken.ended)));
        if turn.spoken.is_some() {
            self.show_caller(&turn.text, true);
        }
        self.segments.caller_turn_over();
        let disclosure = Disclosure::new(self.assistant.persona.disclosure(), &turn.text);
        self.history.add(ChatMessage::User { content: turn.text });
        let moments = Moments {
            speech_ended: turn.spoken.map(|spoken| spoken.ended),
            transcribed: turn.spoken.map(|spoken| spoken.transcribed),
            turn_over: Some(Instant::now()),
            ..Moments::default()
        };
        let (sentences_tx, sentences_rx) = mpsc::unbounded_channel();
        let (events_tx, events_rx) = mpsc::unbounded_channel();
        let generation = Generation {
            model: self.assistant.language_model.clone(),
            messages: self.history.messages(),
            tools: self.tools.in_turn(self.turn),
            budget: self.budget.clone(),
            disclosure,
            sentences_tx,
            events_tx,
        };
        let generation = AbortOnDropHandle::new(tokio::spawn(generation.run().in_current_span()));
        self.speak(None, turn.spoken.is_none(), moments, sentences_rx, events_rx, Some(generation));
        self.show(Caption::State(AgentState::Thinking));
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
        self.speak(Some(phrase), false, Moments::default(), sentences_rx, events_rx, None);
    }

    fn speak(
        &mut self,
        phrase: Option<Phrase>,
        typed: bool,
        moments: Moments,
        sentences_rx: mpsc::UnboundedReceiver<String>,
        generation_rx: mpsc::UnboundedReceiver<GenerationEvent>,
        generation: Option<AbortOnDropHandle<()>>,
    ) {
        // The last sentence is beyond the budget.
        let budget = (phrase != Some(Phrase::TimeIsUp)).then(|| self.budget.clone());
        let cached_speech = Arc::clone(&self.assistant.cached_speech);
        let (speech, speech_rx) = Speech::start(cached_speech, self.voice.clone(), sentences_rx, budget);
        let segment = self.segments.new_segment();
        self.reply = Some(ActiveReply {
            phrase,
            typed,
            failed: false,
            segment,
            moments,
            generation_rx,
            speech,
            speech_rx,
            _generation: generation,
        });
    }

    pub(super) fn generated(&mut self, event: GenerationEvent) {
        let Some(reply) = &mut self.reply else { return };
        match event {
            GenerationEvent::FirstToken(at) => reply.moments.first_token = Some(at),
            GenerationEvent::FirstSentence(at) => {
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
        self.take_turns(Event::VoiceEnded).await?;
        if self.takes_leave {
            return Ok(self.ends);
        }
        let silent = phrase.is_none() && said.text.is_empty();
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
        let Some(ActiveReply { typed, segment, moments, speech, .. }) = self.reply.take() else {
            return Ok(Said::default());
        };
        let said = speech.stop().await?;
        self.record.agent_said(&said);
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
