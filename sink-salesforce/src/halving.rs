//! Calls with a list, of which one item can spoil the whole. What to call next is decided here; whoever asks makes the call.

use crate::call_error::{Blame, CallError};

/// Calls that Salesforce says it cannot read, with none that passes: it is the org, or what stands between, that reads
/// nothing. Of 200 items a single bad one fails 9.
const MOST_UNREADABLE: usize = 24;
/// The same of calls that fail in ways that may be an outage.
const MOST_REFUSED: usize = 12;
/// Calls of one search. What is not called then comes at the next try, with what has passed out of the way.
const MOST_CALLS: usize = 40;

/// Calls to be made, each with a list of items, and their answers.
///
/// A list that fails is halved until the item at fault is alone: at once where Salesforce says that it cannot read the
/// request; for any other failure that could lie in the content only where the same items failed before, and the org answers a
/// call that is known to be good. So an outage costs one call more for each try. Any other error ends the calls: it is the
/// answer for the rest.
pub(crate) struct Halving<'i, I, A> {
    pending: Vec<Part<'i, I>>,
    answers: Vec<Answer<'i, I, A>>,
    /// The one that failed, while the org is asked whether it is there.
    in_doubt: Option<(Part<'i, I>, CallError)>,
    is_there: bool,
    /// Halving was in vain a short time ago.
    rests: bool,
    has_halved: bool,
    /// Calls that failed and were halved, or were with one item.
    failed: usize,
    calls: usize,
}

/// A list, or a part of one.
#[derive(Clone, Copy)]
struct Part<'i, I> {
    items: &'i [I],
    /// Of its first item, among all.
    place: usize,
    /// These items failed before.
    again: bool,
    /// These items were found at fault before.
    at_fault: bool,
    is_half: bool,
}

/// Items of one call, and what it brought.
pub(crate) struct Answer<'i, I, A> {
    pub(crate) items: &'i [I],
    pub(crate) result: Result<A, CallError>,
    /// Whether it is the answer to a call with these items.
    pub(crate) called: bool,
    /// Whether the org answered a call that is known to be good.
    pub(crate) is_there: bool,
    /// Whether it is of a search in which nothing passed.
    pub(crate) fruitless: bool,
    place: usize,
}

/// What to do next.
pub(crate) enum Step<'i, I> {
    /// A call with these items. A part of a list that failed is called once: what passes by itself is found by its parts.
    Call { items: &'i [I], once: bool },
    /// A call that is known to be good.
    Probe,
}

impl<'i, I, A> Halving<'i, I, A> {
    /// Each list with whether its items failed before, and whether they were found at fault.
    pub(crate) fn new(lists: impl Iterator<Item = (&'i [I], bool, bool)>, rests: bool) -> Self {
        let mut place = 0;
        let part = |(items, again, at_fault): (&'i [I], bool, bool)| {
            let part = Part { items, place, again, at_fault, is_half: false };
            place += items.len();
            part
        };
        Self {
            pending: lists.map(part).collect(),
            answers: Vec::new(),
            in_doubt: None,
            is_there: false,
            rests,
            has_halved: false,
            failed: 0,
            calls: 0,
        }
    }

    /// The next step; what it brings has to be told before the next one is asked for.
    pub(crate) fn next_step(&mut self) -> Option<Step<'i, I>> {
        if self.in_doubt.is_some() {
            return Some(Step::Probe);
        }
        if self.failed > 0 && self.calls >= MOST_CALLS {
            let reason =
                format!("not yet written: {} calls were made to find what Salesforce refuses", self.calls);
            self.leave(&CallError::NotYet { reason });
        }
        let part = self.pending.get(self.next_place()?)?;
        Some(Step::Call { items: part.items, once: part.is_half && part.items.len() > 1 })
    }

    /// The largest part of a list, so that what passes passes soon; but where nothing passes the smallest, in which a bad item
    /// is least likely. Lists come in their order, before the parts.
    fn next_place(&self) -> Option<usize> {
        let places = 0..self.pending.len();
        if let Some(list) = places.clone().find(|place| !self.pending[*place].is_half) {
            return Some(list);
        }
        let size = |place: &usize| self.pending[*place].items.len();
        match self.failed >= 3 && !self.has_passed() {
            true => places.min_by_key(size),
            false => places.rev().max_by_key(size),
        }
    }

    /// What the call of the last step brought.
    pub(crate) fn answered(&mut self, result: Result<A, CallError>) {
        let Some(place) = self.next_place() else { return };
        let part = self.pending.remove(place);
        self.calls += 1;
        let error = match result {
            Ok(answer) => return self.answer(part, Ok(answer)),
            Err(error) => error,
        };
        let is_search = part.again || part.is_half;
        match error.blame() {
            Blame::Content if self.rests && part.items.len() > 1 => {
                self.end(part, &error.of_everything(MOST_UNREADABLE));
            }
            Blame::Content => self.halve(part, error, MOST_UNREADABLE),
            Blame::Perhaps if !is_search => self.end(part, &error),
            Blame::Perhaps if self.is_there => self.halve(part, error, MOST_REFUSED),
            Blame::Perhaps if part.items.len() > 1 || part.at_fault => self.in_doubt = Some((part, error)),
            Blame::Perhaps => self.halve(part, error, MOST_REFUSED),
            Blame::Nobody => self.end(part, &error),
        }
    }

    /// Whether the org answered the call that is known to be good.
    pub(crate) fn probed(&mut self, is_there: bool) {
        self.is_there = is_there;
        let Some((part, error)) = self.in_doubt.take() else { return };
        match is_there {
            true => self.halve(part, error, MOST_REFUSED),
            false => self.end(part, &error),
        }
    }

    /// One for every item, in their order. What Salesforce cannot read of everything is no fault of one content.
    pub(crate) fn answers(mut self) -> Vec<Answer<'i, I, A>> {
        let in_vain = self.has_halved && !self.has_passed();
        let reads_nothing = in_vain && self.failed >= MOST_UNREADABLE;
        let is_content = |answer: &Answer<_, _>| matches!(answer.result, Err(CallError::Content { .. }));
        let fruitless = in_vain && (reads_nothing || !self.answers.iter().all(is_content));
        for answer in &mut self.answers {
            answer.fruitless = fruitless;
            if reads_nothing && let Err(error) = &answer.result {
                answer.result = Err(error.clone().of_everything(self.failed));
            }
        }
        self.answers.sort_by_key(|answer| answer.place);
        self.answers
    }

    fn has_passed(&self) -> bool {
        self.answers.iter().any(|answer| answer.result.is_ok())
    }

    fn halve(&mut self, part: Part<'i, I>, error: CallError, most: usize) {
        self.failed += 1;
        if self.failed >= most && !self.has_passed() {
            self.end(part, &error.of_everything(self.failed));
        } else if part.items.len() < 2 {
            self.answer(part, Err(error));
        } else {
            let (first, second) = part.items.split_at(part.items.len() / 2);
            let second_place = part.place + first.len();
            let half = |items, place| Part { items, place, is_half: true, ..part };
            self.pending.extend([half(first, part.place), half(second, second_place)]);
            self.has_halved = true;
        }
    }

    fn end(&mut self, part: Part<'i, I>, error: &CallError) {
        self.answer(part, Err(error.clone()));
        self.leave(error);
    }

    /// The answer of what is not called.
    fn leave(&mut self, error: &CallError) {
        for Part { items, place, .. } in std::mem::take(&mut self.pending) {
            let result = Err(error.clone());
            let is_there = self.is_there;
            self.answers.push(Answer { items, result, called: false, is_there, fruitless: false, place });
        }
    }

    fn answer(&mut self, part: Part<'i, I>, result: Result<A, CallError>) {
        let Part { items, place, .. } = part;
        let is_there = self.is_there;
        self.answers.push(Answer { items, result, called: true, is_there, fruitless: false, place });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unreadable<A>() -> Result<A, CallError> {
        Err(CallError::Content { reason: "MALFORMED_QUERY (400)".to_owned() })
    }

    fn broken<A>() -> Result<A, CallError> {
        Err(CallError::Broken { reason: "down".to_owned() })
    }

    type Each = (i32, Result<(), CallError>);

    /// Calls and probes, and what became of each item. `again`: the items failed before.
    struct Called {
        calls: usize,
        probes: usize,
        each: Vec<Each>,
        fruitless: bool,
    }

    fn call_with(
        items: &[i32],
        again: bool,
        is_there: bool,
        mut answer: impl FnMut(&[i32]) -> Result<(), CallError>,
    ) -> Called {
        let (mut calls, mut probes) = (0, 0);
        let mut lists = Halving::new(items.chunks(200).map(|list| (list, again, false)), false);
        while let Some(step) = lists.next_step() {
            match step {
                Step::Call { items, .. } => {
                    calls += 1;
                    lists.answered(answer(items));
                }
                Step::Probe => {
                    probes += 1;
                    lists.probed(is_there);
                }
            }
        }
        let answers = lists.answers();
        let fruitless = answers.iter().any(|answer| answer.fruitless);
        let each = |answer: Answer<i32, ()>| -> Vec<_> {
            answer.items.iter().map(|item| (*item, answer.result.clone())).collect()
        };
        Called { calls, probes, each: answers.into_iter().flat_map(each).collect(), fruitless }
    }

    #[test]
    fn the_item_at_fault_is_found_and_the_others_pass() {
        let items: Vec<_> = (0..300).collect();
        for (again, error) in [(false, unreadable::<()>()), (true, broken())] {
            let called = call_with(&items, again, true, |items| match items.contains(&77) {
                true => error.clone(),
                false => Ok(()),
            });
            assert_eq!(called.each.iter().map(|(item, _)| *item).collect::<Vec<_>>(), items);
            assert!(called.each.iter().all(|(item, answer)| answer.is_err() == (*item == 77)));
            assert!(called.calls <= 18 && called.probes == usize::from(again), "{}", called.calls);
        }
    }

    #[test]
    fn most_pass_after_few_calls() {
        let items: Vec<_> = (0..200).collect();
        let (mut calls, mut passed) = (0, 0);
        call_with(&items, true, true, |items| {
            calls += 1;
            if items.contains(&6) {
                return broken();
            }
            passed += items.len();
            assert!(calls > 5 || passed >= 100, "{passed} after {calls}");
            Ok(())
        });
    }

    #[test]
    fn a_failure_that_is_new_or_an_org_that_is_not_there_is_not_searched() {
        let items: Vec<_> = (0..300).collect();
        for (again, is_there, wanted) in [(false, true, (1, 0)), (true, false, (1, 1))] {
            let called = call_with(&items, again, is_there, |_| broken());
            assert_eq!((called.calls, called.probes), wanted);
            assert!(called.each.iter().all(|(_, answer)| *answer == broken()) && !called.fruitless);
        }
    }

    #[test]
    fn where_nothing_passes_the_calls_end_and_blame_no_content() {
        let items: Vec<_> = (0..300).collect();
        for (again, error, most) in
            [(false, unreadable::<()>(), MOST_UNREADABLE), (true, broken(), MOST_REFUSED)]
        {
            let called = call_with(&items, again, true, |_| error.clone());
            assert_eq!((called.calls, called.each.len(), called.fruitless), (most, items.len(), true));
            let is_content =
                |answer: &Result<(), _>| matches!(answer, Err(CallError::Content { .. }) | Ok(()));
            assert!(
                (0..).zip(&called.each).all(|(index, (item, answer))| index == *item && !is_content(answer))
            );
        }
    }

    #[test]
    fn another_error_ends_the_calls() {
        let items: Vec<_> = (0..500).collect();
        let down = CallError::unavailable("down");
        let called =
            call_with(&items, true, true, |items| if items[0] == 200 { Err(down.clone()) } else { Ok(()) });
        assert_eq!((called.calls, called.each.len()), (2, items.len()));
        assert!(called.each.iter().all(|(item, answer)| answer.is_err() == (*item >= 200)));
    }

    proptest! {
        #[test]
        fn every_item_has_an_answer_and_the_calls_are_bounded(
            bad in prop::collection::btree_set(0..300, 0..60),
            count in 1..300,
            again: bool,
        ) {
            let items: Vec<_> = (0..count).collect();
            let called = call_with(&items, again, true, |items| match items.iter().any(|item| bad.contains(item)) {
                true => broken(),
                false => Ok(()),
            });
            prop_assert_eq!(called.each.iter().map(|(item, _)| *item).collect::<Vec<_>>(), items);
            prop_assert!(called.each.iter().all(|(item, answer)| answer.is_err() || !bad.contains(item)));
            prop_assert!(called.calls <= MOST_CALLS, "{}", called.calls);
            let passed = called.each.iter().any(|(_, answer)| answer.is_ok());
            // Where some pass, the next try has less to do.
            prop_assert!(!again || passed || called.calls <= MOST_REFUSED || bad.len() >= count as usize);
            if !again {
                prop_assert!(called.calls <= 2);
            }
        }
    }
}
