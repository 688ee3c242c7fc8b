//! Lists with bad items, and outages, in any order.

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
    for (again, error, most) in [(false, unreadable::<()>(), MOST_UNREADABLE), (true, broken(), MOST_REFUSED)]
    {
        let called = call_with(&items, again, true, |_| error.clone());
        assert_eq!((called.calls, called.each.len(), called.fruitless), (most, items.len(), true));
        let is_content = |answer: &Result<(), _>| matches!(answer, Err(CallError::Content { .. }) | Ok(()));
        assert!((0..).zip(&called.each).all(|(index, (item, answer))| index == *item && !is_content(answer)));
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
