//! What happens when: the calls and the faults of a seed. No IO, and no clock.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;

use super::chance::Chance;
use super::fault::{Fault, Part};

/// A fault that is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Strike {
    /// Since the first call.
    pub at: Duration,
    pub fault: Fault,
    pub lasts: Duration,
}

/// A call that is to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCall {
    /// Since the first call; later, where there are too many at a time.
    pub at: Duration,
    pub email: String,
    /// How many questions of the agent are answered, by typing.
    pub answers: usize,
    /// With a tone at its microphone, which is heard and means nothing, instead of answers.
    pub speaks: bool,
    /// How long the caller stays when all is said.
    pub stays: Duration,
}

/// After the end of one fault, until another one that it does not go with may begin.
const APART: Duration = Duration::from_secs(15);
/// So many calls have one address, so that a Lead has several.
const CALLS_OF_A_PERSON: usize = 5;

/// The faults of a seed, evenly over a period, each kind of `kinds` about as often as the others.
pub fn faults(seed: u64, count: usize, period: Duration, kinds: &[Fault]) -> Vec<Strike> {
    let mut chance = Chance::of(seed);
    let mut strikes: Vec<Strike> = Vec::new();
    let mut deck = Vec::new();
    let step = period / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    for index in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        let at = step * index + chance.between([Duration::ZERO, step]);
        let strike = draw(&mut deck, &mut chance, at, &strikes).or_else(|| {
            let mut next = kinds.to_vec();
            chance.shuffle(&mut next);
            // What could not be before comes first.
            deck.splice(0..0, next);
            draw(&mut deck, &mut chance, at, &strikes)
        });
        // Of few kinds none may be possible at this time.
        strikes.extend(strike);
    }
    strikes
}

/// Takes the last fault of the deck that goes with those that are planned.
fn draw(deck: &mut Vec<Fault>, chance: &mut Chance, at: Duration, planned: &[Strike]) -> Option<Strike> {
    let (place, strike) = deck.iter().enumerate().rev().find_map(|(place, &fault)| {
        let strike = Strike { at, fault, lasts: chance.between(fault.lasts()) };
        (!planned.iter().any(|other| conflict(&strike, other))).then_some((place, strike))
    })?;
    deck.remove(place);
    Some(strike)
}

/// The calls of a seed, evenly over a period.
pub fn calls(seed: u64, count: usize, period: Duration) -> Vec<PlannedCall> {
    // Other draws than those of the faults.
    let mut chance = Chance::of(!seed);
    let people = (count / CALLS_OF_A_PERSON).max(1) as u64;
    let step = period / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    (0..u32::try_from(count).unwrap_or(u32::MAX))
        .map(|index| PlannedCall {
            at: step * index,
            email: email(chance.below(people)),
            answers: chance.below(3) as usize,
            speaks: chance.below(4) == 0,
            stays: chance.between([Duration::from_millis(300), Duration::from_secs(3)]),
        })
        .collect()
}

/// The address of a person who calls.
fn email(person: u64) -> String {
    format!("caller-{person}@chaos.example")
}

/// Whether two faults at a time would be what nothing can survive, or one fault twice. A session whose disk is full is in memory
/// alone, and so is an entry that JetStream has acknowledged and not synced: neither outlives a second loss.
fn conflict(one: &Strike, other: &Strike) -> bool {
    let meet = one.at < other.at + other.lasts + APART && other.at < one.at + one.lasts + APART;
    let are = |first, second| {
        (one.fault == first && other.fault == second) || (one.fault == second && other.fault == first)
    };
    // A machine has one clock.
    let clocks = one.fault.steps_the_clock() && other.fault.steps_the_clock();
    meet && (one.fault == other.fault
        || clocks
        || are(Fault::DiskFull, Fault::Kill(Part::Agent))
        || are(Fault::DiskFull, Fault::PowerCut))
}
