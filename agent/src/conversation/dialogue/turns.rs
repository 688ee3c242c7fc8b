//! What happens goes to turn taking, and what turn taking decides is done: the transcription of a turn, the reply to it, the
//! agent's voice that pauses for the caller, goes on, or gives way (barge-in).

use std::time::Instant;

use schemas::EndReason;
use tokio::task::yield_now;
use tracing::{debug, info};

use super::active_reply::Phrase;
use super::input::Input;
use super::state::Dialogue;
use crate::agent_state::AgentState;
use crate::budget::kinds::Cut;
use crate::conversation::captions::Caption;
use crate::conversation::transcriber::{Heard, PART};
use crate::conversation::turn_detector::Judgement;
use crate::conversation::turn_taking::{Action, Event, Turn};
use crate::conversation::typed::Typed;

impl Dialogue {
    /// Why the call ends, where it does.
    pub(super) async fn on(&mut self, input: Input) -> anyhow::Result<Option<EndReason>> {
        let now = Instant::now();
        match input {
            Input::Audio(_) | Input::PreConnectAudio(_) | Input::Heard(_) if self.takes_leave => {}
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
            Input::Heard(heard) => self.heard(heard).await?,
            Input::Judged(Judgement { silent_since, probability }) => {
                debug!(probability, "whether the turn is over");
                self.take_turns(Event::Judged { silent_since, probability }).await?;
            }
            Input::ToolsAnswered(answered) => {
                answered.messages.into_iter().for_each(|message| self.history.add(message));
                // Who went on meanwhile has more to say.
                let is_answered = self.turn == answered.turn && self.reply.is_some();
                if answered.ends_call && is_answered && !self.takes_leave {
                    self.ends = Some(EndReason::AgentEnded);
                }
            }
            Input::Generation(event) => self.generated(event),
            Input::Speech(event) => return self.spoken(event).await,
            Input::Due => {
                self.say_one_moment(now);
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
        let is_turn = actions.iter().any(|action| matches!(action, Action::Reply(_) | Action::Note(_)));
        for action in actions {
            match action {
                Action::Transcribe => self.transcriber.transcribe(),
                Action::DropTranscription => self.transcriber.drop_transcription(),
                Action::Forget => {
                    self.transcriber.forget();
                    if !is_turn {
                        self.record.user_said_nothing();
                    }
                }
                Action::Judge(silent_since) => {
                    let detector = &self.assistant.turn_detector;
                    if detector.is_asked(&self.assistant.persona) {
                        self.judging = detector.judge(silent_since, self.transcriber.heard_audio());
                    }
                }
                Action::Prepare(text) => self.prepare(text).await?,
                Action::Discard => self.discard().await?,
                Action::Reply(turn) => self.reply_to(turn).await?,
                Action::Note(turn) => self.note(&turn),
                Action::Apologise => self.say(Phrase::Apology),
                Action::Pause => {
                    if let Some(reply) = &self.reply {
                        reply.speech.pause();
                    }
                    self.show(Caption::State(AgentState::Listening));
                }
                Action::Resume => {
                    let mut state = AgentState::Speaking;
                    if let Some(reply) = &self.reply {
                        reply.speech.resume();
                        if reply.moments.first_audio.is_none() {
                            state = AgentState::Thinking;
                        }
                    }
                    self.show(Caption::State(state));
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
            let (part, later) = rest.split_at(PART.min(rest.len()));
            for event in self.transcriber.listen_to_part(part, later.len()) {
                self.take_turns(event).await?;
            }
            rest = later;
            // Other calls are served in between.
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

    async fn heard(&mut self, heard: Heard) -> anyhow::Result<()> {
        match heard {
            Heard::Interim(text) => {
                if !text.is_empty() {
                    self.show_caller(&text, false);
                }
                self.take_turns(Event::Interim(text)).await
            }
            Heard::Final(text) => {
                self.note_final(&text);
                self.take_turns(Event::Final(text)).await
            }
            Heard::Words(text) => {
                self.note_final(&text);
                self.take_turns(Event::Transcribed(text)).await
            }
            Heard::Until(at) => self.take_turns(Event::HeardUntil(at)).await,
            Heard::EagerEndOfTurn => self.take_turns(Event::ServiceSeesAnEnd).await,
            Heard::EndOfTurn => self.take_turns(Event::ServiceEndedTurn).await,
            Heard::Language(language) => {
                self.turns.heard_language(&language);
                Ok(())
            }
            Heard::Failed(error) => {
                self.take_turns(Event::Transcribed(String::new())).await?;
                self.failed(&error);
                if self.reply.is_none() {
                    self.say(Phrase::Apology);
                }
                Ok(())
            }
        }
    }

    /// Words that stay are not lost from now on, whatever becomes of the turn and of this process.
    fn note_final(&mut self, text: &str) {
        if !text.is_empty() {
            self.record.user_is_saying(text, self.turns.speech(Instant::now()));
            self.show_caller(text, false);
        }
    }

    /// A listener's "uh-huh": it is shown and written down, and nobody replies.
    fn note(&mut self, turn: &Turn) {
        self.record.user_listened(&turn.text, turn.spoken.map(|spoken| (spoken.began, spoken.ended)));
        self.show_caller(&turn.text, true);
        self.segments.caller_turn_over();
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
        self.discard().await?;
        self.finish_reply().await?;
        self.transcriber.drop_transcription();
        self.typed = Typed::default();
        self.takes_leave = true;
        self.ends = Some(reason);
        self.say(Phrase::TimeIsUp);
        Ok(())
    }

    /// The call is over: what is said stops, and the caller's last words are waited for.
    pub(super) async fn over(&mut self) -> anyhow::Result<()> {
        self.discard().await?;
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
