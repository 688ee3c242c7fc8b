//! Whose turn it is. Turn detection decides, from speech, its transcription and typed messages, when the caller's turn is over:
//! after a silence (endpointing) that is longer where the words sound as if more were to come. Barge-in decides when the agent
//! stops speaking because the caller does, and goes on after a false interruption. Somebody who stays silent counts as away.
//!
//! No IO, and no clock of its own.

use std::time::{Duration, Instant};

/// The times that turn taking goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Silence after which a turn is over.
    pub(crate) min_endpointing: Duration,
    /// Silence after which a turn is over that sounds as if it went on.
    pub(crate) max_endpointing: Duration,
    /// Speech of this length stops the agent: barge-in.
    pub(crate) interruption: Duration,
    /// Silence after which the agent goes on, if what stopped it turns out to be no words.
    pub(crate) false_interruption: Duration,
    /// So long after the agent's first sound nothing stops it: the caller's echo cancellation is still learning.
    pub(crate) echo_warm_up: Duration,
    /// Quiet on both sides after which the caller counts as away.
    pub(crate) away: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            min_endpointing: Duration::from_millis(500),
            max_endpointing: Duration::from_secs(3),
            interruption: Duration::from_millis(500),
            false_interruption: Duration::from_secs(2),
            echo_warm_up: Duration::from_secs(3),
            away: Duration::from_secs(15),
        }
    }
}

/// What happens in the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The caller speaks, since then.
    SpeechBegan(Instant),
    /// The caller still speaks at that time, after [`Self::SpeechBegan`].
    StillSpeaking(Instant),
    /// The caller is silent, since then.
    SpeechEnded(Instant),
    /// What the caller has said in this turn so far; nothing where it was no words.
    Transcribed(String),
    /// The caller typed a message.
    Typed(String),
    /// The caller hears the agent's voice from now on.
    VoiceBegan,
    /// The agent has said all that it had to say.
    VoiceEnded,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// The caller's turn so far is to be transcribed; an earlier transcription of it is void.
    Transcribe,
    /// The transcription under way is void: the caller goes on.
    DropTranscription,
    /// What was said was no turn: it can be forgotten.
    Forget,
    /// The caller's turn is over: reply to it.
    Reply(Turn),
    /// The agent's voice stops where it is.
    Pause,
    /// It goes on from there.
    Resume,
    /// Barge-in: the agent's reply is given up, and what was not said of it is never said.
    Interrupt,
    /// The caller has been silent for long.
    Away,
}

/// A turn of the caller's that is over: spoken, or typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) text: String,
    /// When the caller stopped speaking, and when the words were known; none of a typed turn.
    pub(crate) spoken: Option<Spoken>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) transcribed: Instant,
}

/// The state of a conversation's turns.
#[derive(Debug)]
pub(crate) struct TurnTaking {
    rules: Rules,
    caller: Caller,
    agent: Agent,
    /// When the caller first heard the agent.
    first_voice: Option<Instant>,
    /// Since when it is quiet on both sides; none while it is not, or once the caller counts as away.
    quiet_since: Option<Instant>,
}

/// The caller's turn so far.
#[derive(Debug, Default)]
struct Caller {
    began: Option<Instant>,
    speaking_since: Option<Instant>,
    silent_since: Option<Instant>,
    transcribing: bool,
    transcribed: Option<Instant>,
    text: String,
    /// This turn was long enough to stop the agent.
    interrupts: bool,
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
    pub(crate) fn new(rules: Rules, now: Instant) -> Self {
        let caller = Caller::default();
        Self { rules, caller, agent: Agent::Listening, first_voice: None, quiet_since: Some(now) }
    }

    /// The agent is about to speak of its own accord: a greeting, a question whether somebody is there.
    pub(crate) fn agent_begins(&mut self) {
        self.agent = Agent::Thinking;
        self.quiet_since = None;
    }

    pub(crate) fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::SpeechBegan(at) => self.speech_began(at),
            Event::StillSpeaking(at) => self.still_speaking(at),
            Event::SpeechEnded(at) => self.speech_ended(at),
            Event::Transcribed(text) => self.transcribed(text, now),
            Event::Typed(text) => self.typed(text),
            Event::VoiceBegan => {
                self.first_voice.get_or_insert(now);
                if self.agent == Agent::Thinking {
                    self.agent = Agent::Speaking;
                }
                Vec::new()
            }
            Event::VoiceEnded => {
                self.agent = Agent::Listening;
                if self.caller.speaking_since.is_none() {
                    self.quiet_since = Some(now);
                }
                Vec::new()
            }
        }
    }

    /// When [`Self::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.resumption_due(), self.turn_over_due(), self.away_due()].into_iter().flatten().min()
    }

    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Action> {
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.resumption_due()) {
            self.agent = Agent::Speaking;
            return vec![Action::Resume];
        }
        if due(self.turn_over_due()) {
            return self.turn_over();
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
        self.caller.silent_since = None;
        let void = std::mem::take(&mut self.caller.transcribing);
        if void { vec![Action::DropTranscription] } else { Vec::new() }
    }

    /// The voice itself has to last, without the silence after it.
    fn still_speaking(&mut self, at: Instant) -> Vec<Action> {
        let since = self.caller.speaking_since.unwrap_or(at);
        let warm = self.first_voice.is_none_or(|first| first + self.rules.echo_warm_up <= at);
        if !warm || at < since + self.rules.interruption {
            return Vec::new();
        }
        match self.agent {
            Agent::Thinking => {
                self.agent = Agent::Listening;
                vec![Action::Interrupt]
            }
            Agent::Speaking => {
                self.agent = Agent::Paused;
                self.caller.interrupts = true;
                vec![Action::Pause]
            }
            Agent::Listening | Agent::Paused => Vec::new(),
        }
    }

    fn speech_ended(&mut self, at: Instant) -> Vec<Action> {
        self.caller.speaking_since = None;
        self.caller.silent_since = Some(at);
        self.caller.transcribing = true;
        if self.agent == Agent::Listening {
            self.quiet_since = Some(at);
        }
        vec![Action::Transcribe]
    }

    fn transcribed(&mut self, text: String, now: Instant) -> Vec<Action> {
        self.caller.transcribing = false;
        self.caller.transcribed = Some(now);
        self.caller.text = text;
        if self.caller.text.is_empty() {
            // A pause of the agent lasts until it is sure that no words follow.
            if self.agent != Agent::Paused {
                self.caller = Caller::default();
            }
            return vec![Action::Forget];
        }
        // It may speak again by now, where the words took long to be known.
        if self.caller.interrupts && matches!(self.agent, Agent::Paused | Agent::Speaking) {
            self.agent = Agent::Listening;
            return vec![Action::Interrupt];
        }
        Vec::new()
    }

    fn typed(&mut self, text: String) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.agent != Agent::Listening {
            actions.push(Action::Interrupt);
        }
        if self.caller.transcribing {
            actions.push(Action::DropTranscription);
        }
        // Words that were spoken, and not yet replied to, are part of what is replied to now.
        let spoken = std::mem::take(&mut self.caller).text;
        let text = if spoken.is_empty() { text } else { format!("{spoken}\n{text}") };
        self.agent_begins();
        actions.extend([Action::Forget, Action::Reply(Turn { text, spoken: None })]);
        actions
    }

    fn turn_over(&mut self) -> Vec<Action> {
        let caller = std::mem::take(&mut self.caller);
        let spoken = match (caller.began, caller.silent_since, caller.transcribed) {
            (Some(began), Some(ended), Some(transcribed)) => Some(Spoken { began, ended, transcribed }),
            _ => None,
        };
        let mut actions = Vec::new();
        if self.agent == Agent::Thinking {
            actions.push(Action::Interrupt);
        }
        self.agent_begins();
        actions.extend([Action::Forget, Action::Reply(Turn { text: caller.text, spoken })]);
        actions
    }

    fn resumption_due(&self) -> Option<Instant> {
        (self.agent == Agent::Paused).then_some(self.caller.silent_since? + self.rules.false_interruption)
    }

    /// A turn that was too short to stop the agent waits until the agent has finished.
    fn turn_over_due(&self) -> Option<Instant> {
        let caller = &self.caller;
        if caller.text.is_empty()
            || caller.transcribing
            || matches!(self.agent, Agent::Speaking | Agent::Paused)
        {
            return None;
        }
        let rules = &self.rules;
        let silence = if goes_on(&caller.text) { rules.max_endpointing } else { rules.min_endpointing };
        Some(caller.silent_since? + silence)
    }

    fn away_due(&self) -> Option<Instant> {
        (self.agent == Agent::Listening && self.caller.text.is_empty())
            .then_some(self.quiet_since? + self.rules.away)
    }
}

/// Whether a text sounds as if more were to come, so that endpointing waits longer: it ends with a word that needs another
/// one, or with a filler.
fn goes_on(text: &str) -> bool {
    const OPEN: [&str; 32] = [
        "a", "about", "an", "and", "as", "at", "because", "but", "for", "from", "hmm", "if", "in", "into",
        "is", "like", "maybe", "my", "of", "or", "our", "so", "that", "the", "then", "to", "uh", "um", "we",
        "well", "with", "your",
    ];
    let text = text.trim_end();
    if text.ends_with(['.', '?', '!']) && !text.ends_with("...") {
        return false;
    }
    if text.ends_with(['…', ',', '-', '–', ':', ';']) || text.ends_with("...") {
        return true;
    }
    let last = text.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    OPEN.contains(&last.as_str())
}

#[cfg(test)]
mod tests;
