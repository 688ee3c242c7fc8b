//! Bisects the list of a call, of which one item can spoil the whole. What to call next is decided here; whoever asks makes
//! the call.

#[cfg(test)]
mod tests;

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
    /// The lists, and parts of lists, that were not asked yet.
    pending: Vec<Part<'i, I>>,
    answers: Vec<Answer<'i, I, A>>,
    /// The part that failed, while the org is asked whether it is there.
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
    /// The place of its first item among all.
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
    /// Whether the result is the answer to a call with these items.
    pub(crate) called: bool,
    /// Whether the org answered a call that is known to be good.
    pub(crate) is_there: bool,
    /// Whether the result is of a search in which nothing passed.
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

    /// Takes what the call of the last step brought.
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

    /// Takes whether the org answered the call that is known to be good.
    pub(crate) fn probed(&mut self, is_there: bool) {
        self.is_there = is_there;
        let Some((part, error)) = self.in_doubt.take() else { return };
        match is_there {
            true => self.halve(part, error, MOST_REFUSED),
            false => self.end(part, &error),
        }
    }

    /// The answers, which cover every item in the order of the items. Where Salesforce reads nothing at all, no single content
    /// is at fault.
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

    /// Gives what is not called this answer.
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
