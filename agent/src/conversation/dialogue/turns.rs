//! What happens goes to turn taking, and what turn taking decides is done: the transcription of a turn, the reply to it, the
//! agent's voice that pauses for the caller, goes on, or gives way (barge-in).

use std::time::Instant;

use schemas::EndReason;
use tokio::task::yield_now;
use tracing::info;

use super::active_reply::Phrase;
use super::input::Input;
use super::state::Dialogue;
use crate::agent_state::AgentState;
use crate::budget::kinds::Cut;
use crate::conversation::captions::Caption;
use crate::conversation::turn_taking::{Action, Event};
use crate::conversation::typed::Typed;
use crate::conversation::vad::VAD_SAMPLE_RATE;
use crate::providers::error::ProviderError;

/// Samples of a recording that are listened to at a time: 100 ms. Other calls are served in between.
const RECORDING_PART: usize = VAD_SAMPLE_RATE as usize / 10;

impl Dialogue {
    /// Why the call ends, where it does.
    pub(super) async fn on(&mut self, input: Input) -> anyhow::Result<Option<EndReason>> {
        let now = Instant::now();
        match input {
            Input::Audio(_) | Input::PreConnectAudio(_) | Input::Transcribed(_) if self.takes_leave => {}
            Input::Audio(frame) => {
                for event in self.transcriber.listen(&frame) {
                    self.take_turns(event).await?;
                }
            }
            Input::PreConnectAudio(samples) => self.listen_to_recording(samples).await?,
            Input::Typed(text) => {
                if self.takes_leave || !self.typed.add(&text) {
                    self.budget.cut(Cut::TypedMessages);
                } else {
                    self.typed_turn(now).await?;
                }
            }
            Input::Transcribed(words) => self.transcribed(words).await?,
            Input::ToolsAnswered(answered) => {
                answered.messages.into_iter().for_each(|message| self.history.add(message));
                if answered.ends_call && !self.takes_leave {
                    self.ends = Some(EndReason::AgentEnded);
                }
            }
            Input::Generation(event) => self.generated(event),
            Input::Speech(event) => return self.spoken(event).await,
            Input::Due => {
                self.typed_turn(now).await?;
                let actions = self.turns.expire(now);
                self.act(actions).await?;
            }
        }
        Ok(None)
    }

    pub(super) async fn take_turns(&mut self, event: Event) -> anyhow::Result<()> {
        let actions = self.turns.on(event, Instant::now());
        self.act(actions).await
    }

    async fn act(&mut self, actions: Vec<Action>) -> anyhow::Result<()> {
        for action in actions {
            match action {
                Action::Transcribe => self.transcriber.transcribe(),
                Action::DropTranscription => self.transcriber.drop_transcription(),
                Action::Forget => self.transcriber.forget(),
                Action::Reply(turn) => self.reply_to(turn),
                Action::Pause => {
                    if let Some(reply) = &self.reply {
                        reply.speech.pause();
                    }
                    self.show(Caption::State(AgentState::Listening));
                }
                Action::Resume => {
                    if let Some(reply) = &self.reply {
                        reply.speech.resume();
                    }
                    self.show(Caption::State(AgentState::Speaking));
                }
                Action::Interrupt => {
                    // Who speaks into a farewell has more to say.
                    self.ends = None;
                    self.finish_reply().await?;
                }
                Action::Away => self.away(),
            }
        }
        Ok(())
    }

    async fn listen_to_recording(&mut self, samples: Vec<i16>) -> anyhow::Result<()> {
        let samples = self.transcriber.with_held(samples);
        let mut rest = samples.as_slice();
        while !rest.is_empty() {
            let (part, later) = rest.split_at(RECORDING_PART.min(rest.len()));
            for event in self.transcriber.listen_to_part(part, later.len()) {
                self.take_turns(event).await?;
            }
            rest = later;
            yield_now().await;
        }
        Ok(())
    }

    async fn typed_turn(&mut self, now: Instant) -> anyhow::Result<()> {
        match self.typed.turn(now) {
            Some(text) => self.take_turns(Event::Typed(text)).await,
            None => Ok(()),
        }
    }

    async fn transcribed(&mut self, words: Result<String, ProviderError>) -> anyhow::Result<()> {
        match words {
            Ok(text) => {
                if !text.is_empty() {
                    self.show_caller(&text, false);
                }
                self.take_turns(Event::Transcribed(text)).await?;
            }
            Err(error) => {
                self.take_turns(Event::Transcribed(String::new())).await?;
                self.failed(&error);
                if self.reply.is_none() {
                    self.say(Phrase::Apology);
                }
            }
        }
        Ok(())
    }

    fn away(&mut self) {
        self.times_away += 1;
        if self.times_away == 1 {
            return self.say(Phrase::StillThere);
        }
        info!("the caller does not answer: the call is ended");
        self.ends = Some(EndReason::AgentEnded);
        self.say(Phrase::Goodbye);
    }

    /// The call has used up its time or a budget: it ends with one more sentence.
    pub(super) async fn take_leave(&mut self, reason: EndReason) -> anyhow::Result<()> {
        self.finish_reply().await?;
        self.transcriber.drop_transcription();
        self.typed = Typed::default();
        self.takes_leave = true;
        self.ends = Some(reason);
        self.say(Phrase::TimeIsUp);
        Ok(())
    }

    /// The call is over: what is said stops, and the caller's last words are waited for.
    pub(super) async fn hung_up(&mut self) -> anyhow::Result<()> {
        self.finish_reply().await?;
        if let Some(text) = self.transcriber.last_words().await {
            self.record.user_said(&text, self.turns.speech(Instant::now()));
        }
        if let Some(text) = std::mem::take(&mut self.typed).rest() {
            self.record.user_said(&text, None);
        }
        Ok(())
    }
}
