//! When a caller's words are final. Services differ in it in as many ways as there are services: some make words final
//! by themselves, before or after the end of speech was noticed here, some when they are asked, some late, and some forget. No IO,
//! and no clock of its own.
//!
//! A service that was asked and has told no words owes an answer, and has the time that a provider has for one, unless it shows
//! words while they are said and never says that it is done: it says nothing of a noise. Where there are words and nothing comes
//! for a while ([`PATIENCE`]), they are taken as they are, because most services have shown all by then. Final words that come
//! after all add what they have behind those that were taken, and a service that was late once has more time from then on. One
//! that says that it is done is waited for a moment only.

mod taken;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::dialect::Said;
use super::event::TranscriptEvent;
use taken::{Taken, covers};

/// How far the end of speech may be behind the end of the words, as a service has it, before it was another word.
const TOLERANCE: Duration = Duration::from_millis(300);
/// How long words that may change have to stay the same until they are taken as they are.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest that words are waited for where a service says that all are final, and none came: they may be on their way.
const ON_THEIR_WAY: Duration = Duration::from_secs(1);

/// The words of one caller, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct Finality {
    /// Longest that an answer of the service may take.
    limit: Duration,
    /// How long the last answer took.
    took: Duration,
    /// It shows words while they are said.
    shows: bool,
    /// It answers whenever it is asked, be it that there are no words.
    answers: bool,
    /// Up to where words are final, from the beginning of the call.
    settled: Duration,
    speaks: bool,
    /// Where the speech began whose words are waited for, and where the one before it ended.
    began: Duration,
    ended: Duration,
    /// When it began, the words of the one before it were waited for, and have not come since.
    owes_earlier: bool,
    interim: String,
    /// Up to where the service had the sound when these came, and when that was.
    shown: Duration,
    changed: Option<Instant>,
    asked: Option<Asked>,
    taken: Option<Taken>,
}

/// Where words were said, from the beginning of the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// None where the service does not tell.
    pub(super) start: Option<Duration>,
    pub(super) end: Duration,
    /// The service tells the end.
    pub(super) is_told: bool,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    /// Where speech ended.
    end: Duration,
    since: Instant,
    /// When the service said that it has done what it was asked.
    done: Option<Instant>,
}

impl Finality {
    /// Speech has begun there: nobody waits for the words before it, which come all the same.
    pub(super) fn speech_began(&mut self, at: Duration) {
        self.owes_earlier |= self.asked.take().is_some();
        self.speaks = true;
        self.began = at;
        if let Some(taken) = &mut self.taken {
            taken.has_successor = true;
        }
    }

    /// Nobody makes words of it: whoever waits for them is told otherwise.
    pub(super) fn give_up(&mut self) {
        self.asked = None;
    }

    /// What was said up to there is of no interest any more, also where its last words are on their way.
    pub(super) fn forget(&mut self, until: Duration, now: Instant) {
        self.speaks = false;
        self.owes_earlier |= self.asked.take().is_some();
        self.take_interim(until, None, now, true);
    }

    /// Speech has ended there, from the beginning of the call, and the silence after it was noticed now.
    pub(super) fn speech_ended(&mut self, end: Duration, now: Instant) -> Vec<TranscriptEvent> {
        self.speaks = false;
        self.ended = end;
        self.asked = Some(Asked { end, since: now, done: None });
        if self.interim.is_empty() { self.finalized_if_settled() } else { Vec::new() }
    }

    /// Where words are that a service made final without saying where, when it had the sound up to `heard`: up to where they go
    /// for sure, so that no sound behind them is taken for said.
    pub(super) fn untimed(&self, text: &str, heard: Duration) -> Duration {
        if !self.speaks {
            return heard;
        }
        // What this speech began with may have been too soft to be noticed.
        let before = self.began.saturating_sub(super::hearing::PRE_ROLL).max(self.ended).min(self.began);
        let known = if covers(text, &self.interim) { self.shown.max(before) } else { before };
        known.min(heard)
    }

    /// What follows from what the service says. Final words are at that place, which ends where the service has the sound if it
    /// does not tell, as that of words that may change does.
    pub(super) fn said(&mut self, said: Said, place: Place, now: Instant) -> Vec<TranscriptEvent> {
        match said {
            Said::Ready | Said::Used(_) | Said::HeardUntil(_) => Vec::new(),
            Said::Interim(text) => self.interim(text, place.end, now),
            Said::Final { text, .. } => self.final_words(text, place, now),
            Said::Finalized => {
                self.answers = true;
                if let Some(asked) = &mut self.asked {
                    asked.done.get_or_insert(now);
                }
                Vec::new()
            }
            Said::EagerEndOfTurn => vec![TranscriptEvent::EagerEndOfTurn],
            Said::EndOfTurn => vec![TranscriptEvent::EndOfTurn],
            Said::Language(language) => vec![TranscriptEvent::Language(language)],
        }
    }

    fn interim(&mut self, text: String, heard: Duration, now: Instant) -> Vec<TranscriptEvent> {
        let text = match &self.taken {
            Some(taken) => taken.shown_beside(&text, now),
            None => text,
        };
        if text.is_empty() && self.taken.is_some() {
            return Vec::new();
        }
        self.shows = true;
        if text != self.interim {
            (self.shown, self.changed) = (heard, Some(now));
            self.interim.clone_from(&text);
        }
        vec![TranscriptEvent::Interim(text)]
    }

    fn final_words(&mut self, text: String, place: Place, now: Instant) -> Vec<TranscriptEvent> {
        let is_of_earlier = self.is_of_earlier(&text, &place);
        self.owes_earlier = false;
        self.changed = Some(now);
        let mut asked = self.asked.map(|asked| asked.since);
        let mut added = None;
        if let Some(mut taken) = self.taken.take() {
            added = taken.added_by(&text, &place, now);
            if added.is_some() {
                asked = taken.asked;
            }
            self.taken = Some(taken).filter(|taken| !taken.is_over());
        }
        self.took = asked.map_or(self.took, |since| now.saturating_duration_since(since));
        let says_nothing_new = added.as_ref().is_some_and(String::is_empty);
        if says_nothing_new && !place.is_told {
            return Vec::new();
        }
        self.settled = self.settled.max(if is_of_earlier { self.began.min(place.end) } else { place.end });
        let mut events = Vec::new();
        if !says_nothing_new {
            self.interim.clear();
            events.push(TranscriptEvent::Final(added.unwrap_or(text)));
        }
        events.extend(self.finalized_if_settled());
        events
    }

    /// Whether words without a time are those of the speech before the one that goes on.
    fn is_of_earlier(&self, text: &str, place: &Place) -> bool {
        let is_shown = self.shown > self.began && covers(text, &self.interim);
        self.speaks && self.owes_earlier && !place.is_told && !is_shown
    }

    /// When [`Self::expire`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let asked = self.asked?;
        let last = asked.since + self.limit;
        if let Some(done) = asked.done.filter(|_| self.interim.is_empty()) {
            return Some(last.min(done + ON_THEIR_WAY));
        }
        let has_words = !self.interim.is_empty() || self.settled > self.began;
        if !has_words && (self.answers || !self.shows) {
            return Some(last);
        }
        let patience = PATIENCE.max(self.took + self.took / 2);
        let unchanged = self.changed.map_or(asked.since, |changed| changed.max(asked.since));
        Some(last.min(unchanged + patience))
    }

    /// The service has not made the words final in time.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<TranscriptEvent> {
        let Some(asked) = self.asked.filter(|_| self.deadline().is_some_and(|due| due <= now)) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        if let Some(text) = self.take_interim(asked.end, Some(asked.since), now, false) {
            events.push(TranscriptEvent::Final(text));
        }
        events.extend(self.finalized());
        events
    }

    /// Up to where words were taken as they were.
    pub(super) fn taken_until(&self) -> Duration {
        self.taken.as_ref().map_or(Duration::ZERO, |taken| taken.until)
    }

    /// There is a connection, or another one, to a service whose answers may take so long, and that always answers, or is not known
    /// to. It has all its time, and says again what may change.
    pub(super) fn connected(&mut self, now: Instant, limit: Duration, answers: bool) {
        (self.limit, self.answers, self.shows) = (limit, answers, false);
        self.interim.clear();
        (self.taken, self.owes_earlier) = (None, false);
        if let Some(asked) = &mut self.asked {
            (asked.since, asked.done) = (now, None);
        }
    }

    /// Whether somebody waits for final words.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    fn take_interim(
        &mut self,
        until: Duration,
        asked: Option<Instant>,
        now: Instant,
        forgotten: bool,
    ) -> Option<String> {
        let text = std::mem::take(&mut self.interim);
        if text.is_empty() {
            return None;
        }
        let by = (asked.unwrap_or(now) + self.limit).max(now + PATIENCE);
        self.taken = Some(Taken::new(&text, until, asked, by, forgotten));
        Some(text)
    }

    fn finalized_if_settled(&mut self) -> Vec<TranscriptEvent> {
        // Words that were final before it began are none of what was said.
        let reaches = |asked: Asked| self.settled > self.began && self.settled + TOLERANCE >= asked.end;
        if self.asked.is_some_and(reaches) { self.finalized() } else { Vec::new() }
    }

    fn finalized(&mut self) -> Vec<TranscriptEvent> {
        self.asked.take().map(|_| TranscriptEvent::Finalized).into_iter().collect()
    }
}
