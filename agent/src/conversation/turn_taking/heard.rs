//! What follows from the caller's words: those that may change, those that stay, and none.

use std::time::{Duration, Instant};

use super::caller::Caller;
use super::events::Action;
use super::invented::is_invented;
use super::rules::Verdict;
use super::{Agent, TurnTaking};

/// Voice without words for so long was speech that was not understood.
const NOT_UNDERSTOOD: Duration = Duration::from_millis(1_500);

impl TurnTaking {
    pub(super) fn interim(&mut self, text: String, settled: bool, now: Instant) -> Vec<Action> {
        if !self.caller.text.is_empty() && !self.caller.transcribing && !text.is_empty() {
            self.caller.text.clone_from(&text);
        }
        self.caller.hears(text, settled, now);
        let mut actions = Vec::new();
        actions.extend(self.caller.discard_other());
        actions.extend(self.prepare(now));
        if self.agent == Agent::Speaking && self.is_warm(now) && self.stops_the_agent(&self.caller.interim) {
            actions.extend(self.stop());
        }
        actions
    }

    pub(super) fn transcribed(&mut self, mut text: String, now: Instant) -> Vec<Action> {
        let voice = self.caller.voice(now).max(self.wordless);
        // Of what nobody noticed as voice only a service can tell that listens to all.
        let listens = self.streams || voice.is_zero();
        if is_invented(&text, voice, listens) {
            text.clear();
        }
        self.caller.transcribing = false;
        self.caller.transcribed = Some(now);
        self.caller.hears(text.clone(), true, now);
        self.caller.text = text;
        if self.caller.text.is_empty() {
            return self.no_words(voice, now);
        }
        self.apologised = false;
        self.wordless = Duration::ZERO;
        if self.caller.speaking_since.is_none() {
            // Words may come later than it was given up to wait for them.
            self.caller.began.get_or_insert(now);
            self.caller.silent_since.get_or_insert(now);
        }
        if matches!(self.agent, Agent::Paused | Agent::Speaking) {
            return self.words_while_the_agent_speaks();
        }
        if std::mem::take(&mut self.caller.unbroken) {
            return self.turn_over(now);
        }
        let mut actions = Vec::from_iter(self.caller.discard_other());
        actions.extend(self.prepare(now));
        actions
    }

    fn no_words(&mut self, voice: Duration, now: Instant) -> Vec<Action> {
        let mut actions = Vec::from_iter(self.caller.discard());
        actions.push(Action::Forget);
        self.wordless = voice;
        let background = self.caller.background;
        if self.caller.unbroken {
            // The same voice goes on, and is asked for again.
            drop(self.caller.take(now));
            if self.agent == Agent::Paused {
                actions.push(self.resume());
            }
            if self.agent == Agent::Listening {
                self.quiet_since.get_or_insert(now);
            }
        } else if self.agent != Agent::Paused {
            // A pause of the agent lasts until it is sure that no words follow.
            self.caller = Caller::default();
        }
        if voice >= NOT_UNDERSTOOD && self.agent == Agent::Listening && !self.apologised && !background {
            self.apologised = true;
            actions.push(Action::Apologise);
        }
        actions
    }

    /// It may speak again by now, where the words took long to be known.
    fn words_while_the_agent_speaks(&mut self) -> Vec<Action> {
        if self.words.is_back_channel(&self.caller.text) {
            self.caller.listens = true;
            self.caller.interrupts = false;
            return if self.agent == Agent::Paused { vec![self.resume()] } else { Vec::new() };
        }
        self.caller.listens = false;
        if self.caller.interrupts || self.stops_the_agent(&self.caller.text) {
            self.agent = Agent::Listening;
            // A voice that still goes on may have more to say.
            self.caller.unbroken = false;
            return vec![Action::Interrupt];
        }
        Vec::new()
    }

    /// The service knows that the turn is over, and its words are all there, while a voice is still heard: somebody else's.
    pub(super) fn ended_by_the_service(&mut self, now: Instant) -> Option<Vec<Action>> {
        let caller = &self.caller;
        let is_over = caller.verdict == Verdict::Over
            && caller.speaking_since.is_some()
            && caller.settled
            && !caller.interim.is_empty()
            && matches!(self.agent, Agent::Listening | Agent::Thinking)
            && !is_invented(&caller.interim, caller.voice(now), true);
        is_over.then(|| {
            self.caller.text.clone_from(&self.caller.interim);
            self.caller.transcribed = Some(now);
            self.turn_over(now)
        })
    }
}
