//! The caller's turn so far.

use std::time::{Duration, Instant};

use super::events::{Action, Spoken, Turn};
use super::rules::Verdict;

/// A service that has heard so much behind a word has the word.
const LAST_WORD: Duration = Duration::from_millis(50);

/// The caller's turn so far.
#[derive(Debug, Default)]
pub(super) struct Caller {
    pub(super) began: Option<Instant>,
    pub(super) speaking_since: Option<Instant>,
    pub(super) silent_since: Option<Instant>,
    /// When voice was heard last.
    pub(super) last_voice: Option<Instant>,
    /// Voice before the present speech.
    pub(super) voice: Duration,
    pub(super) transcribing: bool,
    pub(super) transcribed: Option<Instant>,
    /// Words that are final.
    pub(super) text: String,
    /// All words, of which the last ones may change.
    pub(super) interim: String,
    /// None of them changes any more.
    pub(super) settled: bool,
    /// When they came: words that are older than the end of the voice lack its last ones.
    pub(super) interim_came: Option<Instant>,
    /// Up to when they are all that was said, where the service tells.
    pub(super) heard_until: Option<Instant>,
    /// When there was another word last.
    pub(super) last_word: Option<Instant>,
    pub(super) verdict: Verdict,
    /// The service that transcribes takes the turn for probably over, although a voice is still heard.
    pub(super) end_seen: bool,
    /// This turn was long enough to stop the agent.
    pub(super) interrupts: bool,
    /// They only listen, so far.
    pub(super) listens: bool,
    /// The voice had no pause for so long that the words are asked for.
    pub(super) unbroken: bool,
    /// The voice that is heard says nothing to the agent: talk in the background, as far as is known.
    pub(super) background: bool,
    /// The text whose reply has begun early.
    pub(super) prepared: Option<String>,
    pub(super) discarded: u32,
}

impl Caller {
    /// Voice of this turn so far.
    pub(super) fn voice(&self, now: Instant) -> Duration {
        let speaking = self.speaking_since.map(|since| now.saturating_duration_since(since));
        self.voice + speaking.unwrap_or_default()
    }

    /// A voice that goes on although what was said has its end.
    fn in_the_background(now: Instant) -> Self {
        Self { began: Some(now), speaking_since: Some(now), background: true, ..Self::default() }
    }

    /// What was said is over; what is still heard is not.
    pub(super) fn take(&mut self, now: Instant) -> Self {
        let next = match self.speaking_since {
            Some(_) => Self::in_the_background(now),
            None => Self::default(),
        };
        std::mem::replace(self, next)
    }

    /// What the caller has said so far, whose last words may change. What is new is no talk in the background.
    pub(super) fn hears(&mut self, text: String, settled: bool, now: Instant) {
        let is_new = !same_words(&text, &self.interim);
        if !text.is_empty() && is_new {
            self.last_word = Some(now);
            self.background = false;
        }
        // Some services show once more what is final.
        self.settled = settled || (self.settled && !is_new);
        self.interim = text;
        self.interim_came = Some(now);
    }

    /// Whether the words are all that was said, as far as one can tell.
    pub(super) fn all_is_known(&self) -> bool {
        self.end_seen
            || self.verdict == Verdict::Over
            || self.interim_came.zip(self.silent_since).is_some_and(|(came, since)| came >= since)
    }

    /// Whether no word is missing that was said with the voice so far, though the last ones may change.
    pub(super) fn has_all_words(&self) -> bool {
        self.settled
            || self.heard_until.zip(self.last_voice).is_some_and(|(until, voice)| until >= voice + LAST_WORD)
    }

    /// What was said; the next turn begins.
    pub(super) fn take_turn(&mut self, now: Instant) -> Turn {
        let caller = self.take(now);
        let spoken = match (caller.began, caller.transcribed) {
            (Some(began), Some(transcribed)) => {
                Some(Spoken { began, ended: caller.silent_since.unwrap_or(now), transcribed })
            }
            _ => None,
        };
        Turn { text: caller.text, spoken }
    }

    /// Throws the early reply away, where there is one.
    pub(super) fn discard(&mut self) -> Option<Action> {
        self.prepared.take()?;
        self.discarded += 1;
        Some(Action::Discard)
    }

    /// The same, where it replies to other words than those that are known now.
    pub(super) fn discard_other(&mut self) -> Option<Action> {
        let is_other = self.prepared.as_deref().is_some_and(|prepared| !same_words(prepared, &self.interim));
        if is_other { self.discard() } else { None }
    }
}

/// Whether two texts differ in nothing but signs and the size of letters.
pub(crate) fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| {
        let plain = |character: char| if character.is_alphanumeric() { character } else { ' ' };
        let plain: String = text.to_lowercase().chars().map(plain).collect();
        plain.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    words(one) == words(other)
}
