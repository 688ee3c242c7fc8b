//! Offers, assignments and ends in every order.

use proptest::prelude::*;

use super::*;

const LIMIT: Duration = Duration::from_secs(15);

#[test]
fn without_a_spool_no_job_is_taken_and_those_that_run_go_on() {
    let (mut jobs, now) = (Jobs::new(2, LIMIT), Instant::now());
    assert_eq!(jobs.offer("a", "a", now), Answer::Accept);
    jobs.spool_fails(true);
    assert_eq!((jobs.available(), jobs.load()), (false, 1.0));
    assert_eq!(jobs.offer("b", "b", now), Answer::Refuse(Refusal::WithoutSpool));
    assert_eq!(jobs.assign("a", "a"), Assignment::Start);
    jobs.spool_fails(false);
    assert_eq!((jobs.available(), jobs.load()), (true, 0.5));
    assert_eq!(jobs.offer("b", "b", now), Answer::Accept);
}

#[test]
fn a_place_is_held_from_the_answer_to_the_end() {
    let (mut jobs, now) = (Jobs::new(1, LIMIT), Instant::now());
    assert_eq!(jobs.offer("a", "a", now), Answer::Accept);
    assert_eq!(jobs.offer("b", "b", now), Answer::Refuse(Refusal::Full));
    assert_eq!(jobs.assign("a", "a"), Assignment::Start);
    assert_eq!(jobs.assign("a", "a"), Assignment::Duplicate);
    jobs.leaving("a");
    assert_eq!(jobs.offer("b", "b", now), Answer::Refuse(Refusal::Full));
    jobs.ended("a");
    assert_eq!(jobs.offer("b", "b", now), Answer::Accept);
}

#[test]
fn an_offer_that_is_not_assigned_gives_its_place_back() {
    let (mut jobs, now) = (Jobs::new(1, LIMIT), Instant::now());
    jobs.offer("a", "a", now);
    assert_eq!(jobs.next_expiry(), Some(now + LIMIT));
    assert!(jobs.expire(now + LIMIT / 2).is_empty());
    assert_eq!(jobs.expire(now + LIMIT), ["a"]);
    // Late, but welcome while there is a place.
    assert_eq!(jobs.assign("a", "a"), Assignment::Start);
    assert_eq!(jobs.next_expiry(), None);
    assert_eq!(jobs.assign("b", "b"), Assignment::Late);
}

#[test]
fn a_room_is_served_once() {
    let (mut jobs, now) = (Jobs::new(4, LIMIT), Instant::now());
    jobs.offer("a", "x", now);
    assert_eq!(jobs.offer("b", "x", now), Answer::RefuseForGood);
    // Asked again for the same job, the answer is the same.
    assert_eq!(jobs.offer("a", "x", now), Answer::Accept);
    // About to be left, it is free.
    jobs.assign("a", "x");
    jobs.leaving("a");
    assert_eq!(jobs.offer("d", "x", now), Answer::Accept);
    assert_eq!(jobs.offer("a", "x", now), Answer::RefuseForGood);
}

#[test]
fn draining_takes_no_offer_and_keeps_its_word() {
    let (mut jobs, now) = (Jobs::new(3, LIMIT), Instant::now());
    jobs.offer("a", "a", now);
    jobs.drain();
    assert_eq!(jobs.offer("b", "b", now), Answer::Refuse(Refusal::Draining));
    assert_eq!(jobs.assign("a", "a"), Assignment::Start);
    assert_eq!(jobs.assign("b", "b"), Assignment::Late);
    assert_eq!((jobs.load(), jobs.available()), (1.0, false));
}

proptest! {
    #[test]
    fn no_order_of_events_overbooks(
        capacity in 1usize..4,
        events in proptest::collection::vec((0u8..6, 0u8..6, 0u64..30), 0..80),
    ) {
        let mut jobs = Jobs::new(capacity, LIMIT);
        let mut now = Instant::now();
        for (event, job, seconds) in events {
            let id = job.to_string();
            match event {
                0 | 1 => { jobs.offer(&id, &id, now); }
                2 => { jobs.assign(&id, &id); }
                3 => jobs.leaving(&id),
                4 => jobs.ended(&id),
                _ => {
                    now += Duration::from_secs(seconds);
                    jobs.expire(now);
                }
            }
            prop_assert!(jobs.held() <= capacity);
            prop_assert!(jobs.load() <= 1.0);
            prop_assert_eq!(jobs.available(), jobs.held() < capacity);
            prop_assert_eq!(jobs.free(), capacity - jobs.held());
            prop_assert_eq!(jobs.rooms().len(), jobs.held());
        }
    }
}
