//! Bisects a batch: a list that Salesforce cannot read is halved and asked again, until the one item that spoils it is alone.

use crate::call_error::CallError;

/// Calls that may fail with none that passes: it is the org, or what stands between, that cannot read them. Of 200 items a
/// single bad one fails 9.
const MOST_UNREADABLE: usize = 24;

/// Calls to be made, each with a list of items, and their answers. A list that Salesforce cannot read is halved until the
/// item at fault is alone. A row of calls of which none can be read ends the calls, and so does any other error: it is the
/// answer for the rest.
pub(crate) struct Halving<'i, I, A> {
    /// The lists that were not asked yet, the next one last.
    pending: Vec<&'i [I]>,
    answers: Vec<Answer<'i, I, A>>,
    unreadable: usize,
}

/// Items of one call, and what it brought.
pub(crate) type Answer<'i, I, A> = (&'i [I], Result<A, CallError>);

impl<'i, I, A> Halving<'i, I, A> {
    pub(crate) fn new(lists: impl DoubleEndedIterator<Item = &'i [I]>) -> Self {
        Self { pending: lists.rev().collect(), answers: Vec::new(), unreadable: 0 }
    }

    /// The items of the next call.
    pub(crate) fn next_call(&mut self) -> Option<&'i [I]> {
        self.pending.pop()
    }

    /// Takes what a call brought.
    pub(crate) fn answered(&mut self, items: &'i [I], answer: Result<A, CallError>) {
        match answer {
            Ok(answer) => self.answers.push((items, Ok(answer))),
            Err(CallError::Content { reason }) => self.halve(items, reason),
            Err(error) => self.end(items, &error),
        }
    }

    /// The answers, which cover every item in the order of the items.
    pub(crate) fn answers(self) -> Vec<Answer<'i, I, A>> {
        self.answers
    }

    fn halve(&mut self, items: &'i [I], reason: String) {
        self.unreadable += 1;
        if self.unreadable >= MOST_UNREADABLE && self.answers.iter().all(|(_, answer)| answer.is_err()) {
            let reason = format!("none of {} calls can be read: {reason}", self.unreadable);
            return self.end(items, &CallError::Content { reason });
        }
        match items.split_at(items.len() / 2) {
            ([], _) => self.answers.push((items, Err(CallError::Content { reason }))),
            (first, second) => self.pending.extend([second, first]),
        }
    }

    fn end(&mut self, items: &'i [I], error: &CallError) {
        let rest = std::iter::once(items).chain(self.pending.drain(..).rev());
        self.answers.extend(rest.map(|items| (items, Err(error.clone()))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable<A>() -> Result<A, CallError> {
        Err(CallError::Content { reason: "MALFORMED_QUERY (400)".to_owned() })
    }

    type Each = (i32, Result<(), CallError>);

    /// How many calls were made, and what became of each item.
    fn call_with(items: &[i32], answer: impl Fn(&[i32]) -> Result<(), CallError>) -> (usize, Vec<Each>) {
        let mut calls = 0;
        let mut lists = Halving::new(items.chunks(200));
        while let Some(items) = lists.next_call() {
            calls += 1;
            lists.answered(items, answer(items));
        }
        let each = |(items, answer): Answer<i32, ()>| -> Vec<_> {
            items.iter().map(|item| (*item, answer.clone())).collect()
        };
        (calls, lists.answers().into_iter().flat_map(each).collect())
    }

    #[test]
    fn the_item_at_fault_is_found_and_the_others_pass() {
        let items: Vec<_> = (0..300).collect();
        let (calls, answers) =
            call_with(&items, |items| if items.contains(&77) { unreadable() } else { Ok(()) });
        assert_eq!(answers.iter().map(|(item, _)| *item).collect::<Vec<_>>(), items);
        assert!(answers.iter().all(|(item, answer)| answer.is_err() == (*item == 77)));
        assert!(calls <= 18, "{calls}");
    }

    #[test]
    fn where_nothing_can_be_read_the_calls_end() {
        let items: Vec<_> = (0..300).collect();
        let (calls, answers) = call_with(&items, |_| unreadable());
        assert_eq!((calls, answers.len()), (MOST_UNREADABLE, items.len()));
        let unreadable = |answer: &Result<(), _>| matches!(answer, Err(CallError::Content { .. }));
        assert!((0..).zip(&answers).all(|(index, (item, answer))| index == *item && unreadable(answer)));
    }

    #[test]
    fn another_error_ends_the_calls() {
        let items: Vec<_> = (0..500).collect();
        let down = CallError::unavailable("down");
        let (calls, answers) =
            call_with(&items, |items| if items[0] == 200 { Err(down.clone()) } else { Ok(()) });
        assert_eq!((calls, answers.len()), (2, items.len()));
        assert!(answers.iter().all(|(item, answer)| answer.is_err() == (*item >= 200)));
    }
}
