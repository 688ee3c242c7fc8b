//! What was refused lately, and what passed since: the evidence that a refusal is about one item and not about the org.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::call_error::{Blame, CallError};
use crate::halving::Answer;

/// Items that are remembered; beyond it the ones that were quiet for longest are forgotten.
const MOST: usize = 10_000;
/// What was not refused for so long is forgotten: no pause between two tries of a message is as long.
const QUIET: Duration = Duration::from_secs(3_600);
/// How long a message waits whose refusal may be the org's, and which was refused before: ever longer, because each try costs
/// some of the org's calls.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long no list is halved after halving found nothing that passes.
const FRUITLESS_PAUSE: Duration = Duration::from_secs(300);
/// So many items that were found at fault get a call each; more of them share one.
const MOST_ALONE: usize = 8;

/// The refusals of one kind of call, or of the rows of one kind of record.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    refused: HashMap<String, Refused>,
    /// When something passed last.
    passed: Option<Instant>,
    fruitless: Option<Instant>,
    pause: Option<Duration>,
}

#[derive(Debug)]
struct Refused {
    at: Instant,
    /// It was refused alone while others passed.
    at_fault: bool,
}

impl Refusals {
    /// Whether all of these were in calls that failed before, so that the failure is worth a search.
    pub(crate) fn come_again<'k>(&self, items: impl IntoIterator<Item = &'k str>, now: Instant) -> bool {
        !self.rests(now) && items.into_iter().all(|item| self.knows(item))
    }

    /// Whether halving was in vain a short time ago.
    pub(crate) fn rests(&self, now: Instant) -> bool {
        self.fruitless.is_some_and(|at| now < at + FRUITLESS_PAUSE)
    }

    /// Whether it was refused before.
    pub(crate) fn knows(&self, item: &str) -> bool {
        self.refused.contains_key(item)
    }

    /// Whether it was found at fault, and has not passed since.
    pub(crate) fn is_at_fault(&self, item: &str) -> bool {
        self.refused.get(item).is_some_and(|refused| refused.at_fault)
    }

    /// Notes that an item passed.
    pub(crate) fn pass(&mut self, item: &str, now: Instant) {
        self.passed = Some(now);
        (self.fruitless, self.pause) = (None, None);
        self.refused.remove(item);
    }

    /// Notes that an item was refused alone, and says whether that is its own fault, because others pass: at the same time, or since it was refused
    /// the last time. What passed counts once, so that a later outage is not held against it.
    pub(crate) fn refuse(&mut self, item: &str, others_pass: bool, now: Instant) -> bool {
        let since = self.refused.get(item).zip(self.passed).is_some_and(|(last, passed)| last.at < passed);
        let own = others_pass || since;
        self.remember(item, own, now);
        own
    }

    /// How long to wait for the org, where somebody may have to mend it.
    pub(crate) fn longer_pause(&mut self) -> Duration {
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        pause
    }

    fn remember(&mut self, item: &str, at_fault: bool, now: Instant) {
        if self.refused.len() >= MOST {
            self.refused.retain(|_, refused| now < refused.at + QUIET);
            if self.refused.len() >= MOST {
                self.refused.clear();
            }
        }
        let refused = self.refused.entry(item.to_owned()).or_insert(Refused { at: now, at_fault });
        refused.at = now;
        refused.at_fault |= at_fault;
    }

    /// What the answers of a list's calls mean for each part: an item that was refused alone while others pass has a fault
    /// of its own.
    pub(crate) fn judge<'i, I, A>(
        &mut self,
        answers: Vec<Answer<'i, I, A>>,
        key: impl Fn(&I) -> &str,
        now: Instant,
    ) -> Vec<(&'i [I], Result<A, CallError>)> {
        let passed = answers.iter().any(|answer| answer.result.is_ok());
        if answers.iter().any(|answer| answer.fruitless) {
            self.fruitless = Some(now);
        }
        let judge = |answer: Answer<'i, I, A>| (answer.items, self.judge_one(answer, &key, passed, now));
        answers.into_iter().map(judge).collect()
    }

    fn judge_one<I, A>(
        &mut self,
        answer: Answer<'_, I, A>,
        key: impl Fn(&I) -> &str,
        others_pass: bool,
        now: Instant,
    ) -> Result<A, CallError> {
        let Answer { items, result, called, is_there, .. } = answer;
        let error = match result {
            Ok(answer) => {
                items.iter().for_each(|item| self.pass(key(item), now));
                return Ok(answer);
            }
            Err(error) if called => error,
            Err(error) => return Err(error),
        };
        let known = items.iter().all(|item| self.knows(key(item)));
        match (error.blame(), items) {
            (Blame::Nobody, _) => return Err(error),
            (Blame::Content, [item]) => self.remember(key(item), true, now),
            (Blame::Perhaps, [item]) => {
                let item = key(item);
                if self.refuse(item, others_pass || (is_there && self.is_at_fault(item)), now) {
                    return Err(error.of_one_item());
                }
            }
            (_, items) => items.iter().for_each(|item| self.remember(key(item), false, now)),
        }
        match error {
            // Somebody may have to mend the org; but that it is asked about these holds no other back.
            CallError::Configuration { reason } if known => {
                Err(CallError::Unavailable { reason, after: Some(self.longer_pause()) })
            }
            error => Err(error),
        }
    }
}

/// Into how many items each call of those that were found at fault is split.
pub(crate) fn size_of_suspicious_calls(items: usize) -> usize {
    if items <= MOST_ALONE { 1 } else { items }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_refused_while_others_pass_is_its_own_fault_and_an_outage_is_nobodys() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert!(!refusals.refuse("a", false, now));
        assert!(!refusals.refuse("a", false, now + MINUTE));
        refusals.pass("b", now + 2 * MINUTE);
        assert!(refusals.refuse("a", false, now + 3 * MINUTE), "b passed since");
        assert!(!refusals.refuse("a", false, now + 4 * MINUTE), "nothing passed since");
        assert!(refusals.is_at_fault("a") && refusals.refuse("c", true, now));
        refusals.pass("a", now + 5 * MINUTE);
        assert!(!refusals.knows("a") && !refusals.refuse("a", false, now + 6 * MINUTE));
    }

    #[test]
    fn a_search_in_vain_is_not_made_again_soon() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert!(!refusals.come_again(["a"], now));
        refusals.remember("a", false, now);
        assert!(refusals.come_again(["a"], now) && !refusals.come_again(["a", "b"], now));
        refusals.fruitless = Some(now);
        assert!(!refusals.come_again(["a"], now + FRUITLESS_PAUSE / 2));
        assert!(refusals.come_again(["a"], now + FRUITLESS_PAUSE));
        refusals.fruitless = Some(now + FRUITLESS_PAUSE);
        refusals.pass("b", now + FRUITLESS_PAUSE);
        assert!(refusals.come_again(["a"], now + FRUITLESS_PAUSE));
    }

    #[test]
    fn there_is_a_bound() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for item in 0..MOST + 100 {
            refusals.remember(&item.to_string(), false, now);
        }
        assert!(refusals.refused.len() <= MOST);
        refusals.remember("later", false, now + 2 * QUIET);
        assert!(refusals.knows("later"));
    }

    #[test]
    fn pauses_grow_until_something_passes() {
        let mut refusals = Refusals::default();
        let pauses: Vec<_> = (0..8).map(|_| refusals.longer_pause().as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        refusals.pass("a", Instant::now());
        assert_eq!(refusals.longer_pause(), FIRST_PAUSE);
    }
}
