//! Whose turn it is. Turn detection decides, from speech, its transcription and typed messages, when the caller's turn is over:
//! after a silence (endpointing) whose length follows from what the words say (`words`), and from a model that hears how they
//! were said. Barge-in decides when the agent stops speaking because the caller does, and goes on after a false interruption;
//! what listeners say is none. A reply may begin before the turn is certainly over (an early reply), and is thrown away where
//! the caller goes on. Somebody who stays silent counts as away.
//!
//! No IO, and no clock of its own.

mod caller;
mod due;
mod events;
mod heard;
mod invented;
mod rules;
#[cfg(test)]
pub(super) mod tests;
mod words;

use std::time::{Duration, Instant};

use caller::Caller;
pub(crate) use caller::same_words;
pub(crate) use events::{Action, Event, Spoken, Turn};
pub(crate) use rules::Rules;
use rules::Verdict;
use words::{Ending, Words};

/// More words than these stop the agent, however fast they are said.
const FEW_WORDS: usize = 2;
/// Early replies to a turn that are thrown away at most.
const MOST_DISCARDED: u32 = 3;
/// Voice of this length is somebody who goes on.
const GOES_ON: Duration = Duration::from_millis(200);

/// The state of a conversation's turns.
#[derive(Debug)]
pub(crate) struct TurnTaking {
    rules: Rules,
    words: Words,
    caller: Caller,
    agent: Agent,
    /// The caller has heard something of what the agent says now.
    is_heard: bool,
    /// The agent's last words were a question.
    asked: bool,
    /// The agent has apologised, and nothing was understood since.
    apologised: bool,
    /// Words come while somebody speaks, and not only behind it.
    streams: bool,
    /// How long the voice was that no words are known of.
    wordless: Duration,
    /// When the caller first heard the agent.
    first_voice: Option<Instant>,
    /// Since when it is quiet on both sides; none while it is not, or once the caller counts as away.
    quiet_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agent {
    Listening,
    /// A reply is being made, and the caller has heard nothing of it.
    Thinking,
    Speaking,
    /// Stopped by the caller's speech, until it is known whether that is words.
    Paused,
}

impl TurnTaking {
    /// `language` is what is spoken, as ISO 639 has it.
    pub(crate) fn new(rules: Rules, language: &str, now: Instant) -> Self {
        Self {
            rules,
            words: Words::of(language),
            caller: Caller::default(),
            agent: Agent::Listening,
            is_heard: false,
            asked: false,
            apologised: false,
            streams: false,
            wordless: Duration::ZERO,
            first_voice: None,
            quiet_since: Some(now),
        }
    }

    /// The language that was heard. One that has no lists is more often one misheard word than what is spoken.
    pub(crate) fn heard_language(&mut self, language: &str) {
        self.words = Words::known(language).unwrap_or(self.words);
    }

    /// The agent is about to speak of its own accord: a greeting, a question whether somebody is there.
    pub(crate) fn agent_begins(&mut self) {
        self.agent = Agent::Thinking;
        self.is_heard = false;
        self.quiet_since = None;
    }

    pub(crate) fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::SpeechBegan(at) => self.speech_began(at),
            Event::StillSpeaking(at) => self.still_speaking(at),
            Event::SpeechEnded(at) => self.speech_ended(at, now),
            Event::Murmured => self.murmured(now),
            Event::Interim(text) => {
                // Of an earlier part of the turn, words come late from any service.
                let first_part = self.caller.speaking_since.is_some() && self.caller.voice.is_zero();
                // Words that were asked for in the middle of it tell nothing of the service.
                let first_part = first_part && !self.caller.unbroken;
                self.streams |= first_part && !text.is_empty();
                self.interim(text, false, now)
            }
            Event::HeardUntil(at) => {
                self.caller.heard_until = Some(at);
                self.prepare(now)
            }
            Event::Final(text) => {
                let mut actions = self.interim(text, true, now);
                actions.extend(self.ended_by_the_service(now).unwrap_or_default());
                actions
            }
            Event::Transcribed(text) => self.transcribed(text, now),
            Event::Judged { silent_since, probability } => {
                if self.caller.silent_since == Some(silent_since) && self.caller.verdict != Verdict::Over {
                    self.caller.verdict = Verdict::Probability(probability);
                }
                self.prepare(now)
            }
            Event::ServiceSeesAnEnd => {
                self.caller.end_seen = true;
                self.prepare(now)
            }
            Event::ServiceEndedTurn => {
                self.caller.verdict = Verdict::Over;
                self.ended_by_the_service(now).unwrap_or_else(|| self.prepare(now))
            }
            Event::Typed(text) => self.typed(text, now),
            Event::VoiceBegan => {
                self.first_voice.get_or_insert(now);
                self.is_heard = true;
                if self.agent == Agent::Thinking {
                    self.agent = Agent::Speaking;
                }
                Vec::new()
            }
            Event::VoiceEnded { asked } => {
                self.agent = Agent::Listening;
                self.asked = asked;
                // What they said last may answer what was said last.
                self.caller.listens = false;
                if self.caller.speaking_since.is_none() || self.caller.background {
                    self.quiet_since = Some(now);
                }
                Vec::new()
            }
        }
    }

    /// When [`Self::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let due = [
            self.early_reply_due(),
            self.resumption_due(),
            self.note_due(),
            self.unbroken_due(),
            self.turn_over_due(),
            self.away_due(),
        ];
        due.into_iter().flatten().min()
    }

    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Action> {
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.early_reply_due()) {
            return self.prepare(now);
        }
        if due(self.resumption_due()) {
            if self.caller.speaking_since.is_some() {
                (self.caller.background, self.caller.interrupts) = (true, false);
            } else if !self.caller.transcribing {
                // It was no words, and is over.
                self.caller = Caller::default();
            }
            return vec![self.resume()];
        }
        if due(self.note_due()) {
            return vec![Action::Forget, Action::Note(self.caller.take_turn(now))];
        }
        if due(self.unbroken_due()) {
            self.caller.unbroken = true;
            self.caller.transcribing = true;
            return vec![Action::Transcribe];
        }
        if due(self.turn_over_due()) {
            return self.turn_over(now);
        }
        if due(self.away_due()) {
            self.quiet_since = None;
            return vec![Action::Away];
        }
        Vec::new()
    }

    /// When the caller's turn so far began and ended; its end is `now` where the caller still speaks.
    pub(crate) fn speech(&self, now: Instant) -> Option<(Instant, Instant)> {
        let began = self.caller.began?;
        Some((began, self.caller.silent_since.unwrap_or(now)))
    }

    fn speech_began(&mut self, at: Instant) -> Vec<Action> {
        self.quiet_since = None;
        self.caller.began.get_or_insert(at);
        self.caller.speaking_since = Some(at);
        self.caller.last_voice = Some(at);
        self.caller.silent_since = None;
        self.caller.background = false;
        self.caller.verdict = Verdict::None;
        self.wordless = Duration::ZERO;
        let void = std::mem::take(&mut self.caller.transcribing);
        if void { vec![Action::DropTranscription] } else { Vec::new() }
    }

    /// The voice itself has to last, without the silence after it.
    fn still_speaking(&mut self, at: Instant) -> Vec<Action> {
        self.caller.last_voice = Some(at);
        if self.caller.background {
            return Vec::new();
        }
        let since = self.caller.speaking_since.unwrap_or(at);
        let mut actions = Vec::new();
        if at >= since + GOES_ON {
            actions.extend(self.caller.discard());
        }
        let listens = self.words.is_back_channel(&self.caller.interim);
        let interruption = if listens { 2 * self.rules.interruption } else { self.rules.interruption };
        if self.is_warm(at) && at >= since + interruption {
            actions.extend(self.stop());
        }
        actions
    }

    fn speech_ended(&mut self, at: Instant, now: Instant) -> Vec<Action> {
        let since = self.caller.speaking_since.take().unwrap_or(at);
        self.caller.voice += at.saturating_duration_since(since);
        self.caller.silent_since = Some(at);
        self.caller.transcribing = true;
        self.caller.unbroken = false;
        if self.agent == Agent::Listening {
            self.quiet_since = Some(at);
        }
        let mut actions = vec![Action::Transcribe, Action::Judge(at)];
        actions.extend(self.prepare(now));
        actions
    }

    /// Nobody has spoken, unless a service has heard words all the same.
    fn murmured(&mut self, now: Instant) -> Vec<Action> {
        if !self.caller.interim.is_empty() {
            return self.speech_ended(now, now);
        }
        self.caller = Caller::default();
        let mut actions = vec![Action::Forget];
        match self.agent {
            Agent::Paused => actions.push(self.resume()),
            Agent::Listening => self.quiet_since = self.quiet_since.or(Some(now)),
            Agent::Thinking | Agent::Speaking => {}
        }
        actions
    }

    fn typed(&mut self, text: String, now: Instant) -> Vec<Action> {
        let mut actions = Vec::from_iter(self.caller.discard());
        if self.agent != Agent::Listening {
            actions.push(Action::Interrupt);
        }
        if self.caller.transcribing {
            actions.push(Action::DropTranscription);
        }
        // Words that were spoken, and not yet replied to, are part of what is replied to now.
        let spoken = self.caller.take(now).interim;
        let text = if spoken.is_empty() { text } else { format!("{spoken}\n{text}") };
        self.agent_begins();
        actions.extend([Action::Forget, Action::Reply(Turn { text, spoken: None })]);
        actions
    }

    fn turn_over(&mut self, now: Instant) -> Vec<Action> {
        let turn = self.caller.take_turn(now);
        let mut actions = Vec::new();
        if self.agent == Agent::Thinking {
            actions.push(Action::Interrupt);
        }
        self.agent_begins();
        actions.extend([Action::Forget, Action::Reply(turn)]);
        actions
    }

    /// The agent's voice stops, or does not begin, until it is known whether it was interrupted.
    fn stop(&mut self) -> Option<Action> {
        match self.agent {
            Agent::Thinking | Agent::Speaking => {
                self.agent = Agent::Paused;
                self.caller.interrupts = true;
                Some(Action::Pause)
            }
            Agent::Listening | Agent::Paused => None,
        }
    }

    /// Nothing was said that stops it.
    fn resume(&mut self) -> Action {
        self.agent = if self.is_heard { Agent::Speaking } else { Agent::Thinking };
        Action::Resume
    }

    /// Whether the caller says something, or has said something that is not replied to.
    pub(crate) fn has_the_callers_words(&self) -> bool {
        let caller = &self.caller;
        let speaks = caller.speaking_since.is_some() && !caller.background;
        speaks || caller.transcribing || !caller.interim.is_empty()
    }

    /// Words that stop the agent however short they are.
    fn stops_the_agent(&self, text: &str) -> bool {
        let is_sentence = text.split_whitespace().count() > FEW_WORDS && !self.words.is_back_channel(text);
        is_sentence || self.words.wants_a_stop(text)
    }

    fn is_warm(&self, now: Instant) -> bool {
        self.first_voice.is_none_or(|first| first + self.rules.echo_warm_up <= now)
    }

    fn may_have_ended(&self, text: &str) -> bool {
        match self.words.ending(text) {
            Ending::Open => false,
            Ending::Either => self.caller.verdict.behind_either().says_so(),
            Ending::Unclear | Ending::Closed => true,
        }
    }

    /// A reply begins early where the turn may be over.
    fn prepare(&mut self, now: Instant) -> Vec<Action> {
        let caller = &self.caller;
        let pauses = self.early_reply_due().is_some_and(|due| due <= now);
        let is_silent = (caller.speaking_since.is_none() || caller.end_seen) && caller.all_is_known();
        if !(pauses || is_silent && self.wants_an_early_reply()) {
            return Vec::new();
        }
        let text = self.caller.interim.clone();
        self.caller.prepared = Some(text.clone());
        vec![Action::Prepare(text)]
    }

    fn wants_an_early_reply(&self) -> bool {
        let caller = &self.caller;
        self.rules.early_replies
            && self.agent == Agent::Listening
            && caller.discarded < MOST_DISCARDED
            && caller.prepared.is_none()
            && !caller.interim.is_empty()
            && self.may_have_ended(&caller.interim)
    }
}
