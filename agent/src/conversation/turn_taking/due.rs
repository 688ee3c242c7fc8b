//! When something is due although nothing happens.

use std::time::{Duration, Instant};

use super::rules::Verdict;
use super::words::Ending;
use super::{Agent, TurnTaking};

/// Voice without a pause for so long is talk in the background, or a story: what was said so far is replied to.
const UNBROKEN: Duration = Duration::from_secs(20);
/// How late words may be of a service that transcribes while somebody speaks.
const LATE_INTERIM: Duration = Duration::from_secs(1);
/// A stopped agent waits no longer for the words that stopped it.
const LATE_WORDS: Duration = Duration::from_secs(6);
/// What a listener says answers the agent's question, where that ends so soon after it.
const ANSWER: Duration = Duration::from_millis(1_500);

/// Between two words of a sentence there is less silence.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

impl TurnTaking {
    /// Behind all words of the voice: a silence that is not known to be one yet.
    pub(super) fn early_reply_due(&self) -> Option<Instant> {
        let is_wanted = self.caller.has_all_words() && self.wants_an_early_reply();
        self.caller.last_voice.filter(|_| is_wanted).map(|last| last + SHORTEST_PAUSE)
    }

    pub(super) fn resumption_due(&self) -> Option<Instant> {
        let silence = if self.caller.transcribing {
            self.rules.false_interruption.max(LATE_WORDS)
        } else {
            self.rules.false_interruption
        };
        let wordless = || {
            // Who speaks to the agent would have said a word by now.
            let is_wordless = self.streams && self.caller.interim.is_empty() && !self.caller.transcribing;
            let since = self.caller.speaking_since.filter(|_| is_wordless)?;
            Some(since + self.rules.interruption + LATE_INTERIM + self.rules.false_interruption)
        };
        let due = self.caller.silent_since.map(|since| since + silence).or_else(wordless)?;
        (self.agent == Agent::Paused).then_some(due)
    }

    pub(super) fn note_due(&self) -> Option<Instant> {
        let listens = self.agent == Agent::Speaking && self.caller.listens && !self.caller.transcribing;
        listens.then_some(self.caller.silent_since? + ANSWER)
    }

    /// An agent that a voice has stopped waits less long for its words than one that listens.
    pub(super) fn unbroken_due(&self) -> Option<Instant> {
        let caller = &self.caller;
        let patience = match self.agent {
            _ if caller.transcribing => return None,
            Agent::Listening => UNBROKEN,
            Agent::Paused => LATE_WORDS,
            Agent::Thinking | Agent::Speaking => return None,
        };
        let unbroken = caller.speaking_since? + patience;
        // Whose words come while they speak has finished where none come any more, whatever is heard.
        let last_word = caller.last_word.filter(|_| self.streams && !caller.interim.is_empty());
        let finished = last_word.map(|at| at + LATE_INTERIM + self.rules.max_endpointing);
        Some(finished.map_or(unbroken, |finished| finished.min(unbroken)))
    }

    /// A turn that was too short to stop the agent waits until the agent has finished.
    pub(super) fn turn_over_due(&self) -> Option<Instant> {
        let caller = &self.caller;
        if caller.text.is_empty()
            || caller.transcribing
            || matches!(self.agent, Agent::Speaking | Agent::Paused)
        {
            return None;
        }
        let over = caller.silent_since? + self.endpointing();
        // Words behind those that were taken for all: the service hears more than the voice that was noticed.
        let more = caller.last_word.filter(|_| !caller.settled).map(|last| last + LATE_INTERIM);
        Some(more.map_or(over, |more| over.max(more)))
    }

    fn endpointing(&self) -> Duration {
        let (rules, caller) = (&self.rules, &self.caller);
        if caller.verdict == Verdict::Over {
            return Duration::ZERO;
        }
        match self.words.ending(&caller.text) {
            Ending::Open => rules.max_endpointing,
            Ending::Either if caller.verdict == Verdict::None => rules.max_endpointing,
            Ending::Either => rules.endpointing(caller.verdict.behind_either()),
            Ending::Closed => rules.min_endpointing,
            Ending::Unclear if self.asked && self.words.is_short_answer(&caller.text) => {
                rules.min_endpointing
            }
            Ending::Unclear => rules.endpointing(caller.verdict),
        }
    }

    pub(super) fn away_due(&self) -> Option<Instant> {
        let caller = &self.caller;
        let is_quiet = self.agent == Agent::Listening
            && caller.text.is_empty()
            && !caller.transcribing
            && (caller.speaking_since.is_none() || caller.background);
        is_quiet.then_some(self.quiet_since? + self.rules.away)
    }
}
