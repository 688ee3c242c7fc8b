//! What the caller types, as turns: one a second at most, and what is typed meanwhile belongs to the next. No IO, no clock.

use std::time::{Duration, Instant};

/// Shortest time between two typed turns.
const TURN_INTERVAL: Duration = Duration::from_secs(1);
/// Most bytes of a turn.
pub(super) const LONGEST_TURN: usize = 16 * 1024;

/// Typed messages that are no turn yet.
#[derive(Debug, Default)]
pub(super) struct Typed {
    waiting: String,
    /// When the next turn may begin.
    next: Option<Instant>,
}

impl Typed {
    /// Takes a message; says whether there was room for it.
    pub(super) fn add(&mut self, message: &str) -> bool {
        let fits = self.waiting.len() + message.len() < LONGEST_TURN || self.waiting.is_empty();
        if fits {
            if !self.waiting.is_empty() {
                self.waiting.push('\n');
            }
            self.waiting.push_str(message);
        }
        fits
    }

    /// When [`Self::turn`] has one.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        (!self.waiting.is_empty()).then(|| self.next.unwrap_or(now))
    }

    /// What is a turn now.
    pub(super) fn turn(&mut self, now: Instant) -> Option<String> {
        self.due(now).filter(|due| *due <= now)?;
        self.next = Some(now + TURN_INTERVAL);
        Some(std::mem::take(&mut self.waiting))
    }

    /// What is no turn when the call is over.
    pub(super) fn rest(self) -> Option<String> {
        Some(self.waiting).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_second_are_one_turn() {
        let (mut typed, now) = (Typed::default(), Instant::now());
        assert_eq!(typed.due(now), None);
        assert!(typed.add("one"));
        assert_eq!(typed.turn(now).as_deref(), Some("one"));
        assert!(typed.add("two") && typed.add("three"));
        let later = now + TURN_INTERVAL;
        assert_eq!(typed.due(now), Some(later));
        assert_eq!(typed.turn(now), None);
        assert_eq!(typed.turn(later).as_deref(), Some("two\nthree"));
        assert_eq!(typed.turn(later + TURN_INTERVAL), None);
        assert_eq!(typed.due(later), None);
    }

    #[test]
    fn a_flood_is_a_turn_a_second_of_bounded_length() {
        let (mut typed, began) = (Typed::default(), Instant::now());
        let (mut turns, mut left_out) = (Vec::new(), 0);
        for index in 0..5_000 {
            let now = began + Duration::from_millis(index);
            left_out += usize::from(!typed.add(&"x".repeat(1_000)));
            turns.extend(typed.turn(now));
        }
        assert_eq!(turns.len(), 5);
        assert!(turns.iter().all(|turn| turn.len() <= LONGEST_TURN));
        assert!(left_out > 4_000, "{left_out}");
    }
}
