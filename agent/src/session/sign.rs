//! Whether the participant is somebody: a place is not kept for who only joined. No IO, and no clock.
//!
//! The rule: a participant has [`SignOfLife::wait`] from the moment when the agent joined, or half of it from the moment when
//! it was seen, whichever is later, to be really connected (LiveKit's state ACTIVE: its media connection stands) and to give
//! a sign: a track, muted or not, or a typed message. Who is not connected by then gives the place back. Who is connected
//! and gives no sign, and may be reading, keeps it while most places are free. While its connection, or the agent's own, is
//! lost, the grace of [`super::ending::Attendance`] counts and not this; who is back has the whole wait again, unless it was
//! found to be somebody before.

use std::time::{Duration, Instant};

/// How often somebody without a sign is looked at again.
const NEXT_LOOK: Duration = Duration::from_secs(1);

/// The sign that a participant gives, or does not.
#[derive(Debug)]
pub(super) struct SignOfLife {
    joined: Instant,
    wait: Duration,
    due: Option<Instant>,
    /// It was lost before it was found to be somebody.
    paused: bool,
}

/// What is known of the participant at that moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Its media connection stands.
    pub(super) connected: bool,
    /// It has a track, or has typed.
    pub(super) gave_sign: bool,
    /// Places are scarce: others may need this one.
    pub(super) places_are_scarce: bool,
}

impl SignOfLife {
    /// The agent joined at that time.
    pub(super) fn new(joined: Instant, wait: Duration) -> Self {
        Self { joined, wait, due: None, paused: false }
    }

    /// The participant is there.
    pub(super) fn participant_came(&mut self, now: Instant) {
        self.due = Some((self.joined + self.wait).max(now + self.wait / 2));
    }

    /// The participant's connection, or the agent's own, is lost: it cannot be seen whether it is connected.
    pub(super) fn lost(&mut self) {
        self.paused |= self.due.take().is_some();
    }

    /// The participant is there again.
    pub(super) fn back(&mut self, now: Instant) {
        if std::mem::take(&mut self.paused) {
            self.due = Some(now + self.wait);
        }
    }

    /// When [`Self::is_absent`] is to be asked.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the place is given back. Nothing more is due where there was a sign.
    pub(super) fn is_absent(&mut self, seen: Seen, now: Instant) -> bool {
        if self.due.is_none_or(|due| now < due) {
            return false;
        }
        self.due = None;
        if seen.connected && !seen.gave_sign && !seen.places_are_scarce {
            self.due = Some(now + NEXT_LOOK);
        }
        !seen.connected || (!seen.gave_sign && seen.places_are_scarce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    fn seen(connected: bool, gave_sign: bool, places_are_scarce: bool) -> Seen {
        Seen { connected, gave_sign, places_are_scarce }
    }

    #[test]
    fn a_place_comes_back_within_fifteen_seconds() {
        let joined = Instant::now();
        for came in [0, 3, 10] {
            let mut sign = SignOfLife::new(joined, WAIT);
            assert_eq!(sign.due(), None);
            sign.participant_came(joined + Duration::from_secs(came));
            let due = sign.due().unwrap();
            assert!(due >= joined + WAIT && due <= joined + Duration::from_secs(15));
            assert!(!sign.is_absent(seen(false, false, true), due - Duration::from_millis(1)));
            assert!(sign.is_absent(seen(false, true, false), due));
        }
    }

    #[test]
    fn who_is_connected_and_gives_a_sign_stays() {
        let now = Instant::now();
        let mut sign = SignOfLife::new(now, WAIT);
        sign.participant_came(now);
        assert!(!sign.is_absent(seen(true, true, true), now + WAIT));
        assert_eq!(sign.due(), None);
    }

    #[test]
    fn who_reads_stays_until_places_are_scarce() {
        let mut now = Instant::now();
        let mut sign = SignOfLife::new(now, WAIT);
        sign.participant_came(now);
        for _ in 0..5 {
            now = sign.due().unwrap();
            assert!(!sign.is_absent(seen(true, false, false), now));
        }
        now = sign.due().unwrap();
        assert!(sign.is_absent(seen(true, false, true), now));
    }

    #[test]
    fn nothing_is_due_while_it_is_lost_and_who_is_back_has_the_wait_again() {
        let now = Instant::now();
        let mut sign = SignOfLife::new(now, WAIT);
        sign.participant_came(now);
        sign.lost();
        assert_eq!(sign.due(), None);
        assert!(!sign.is_absent(seen(false, true, true), now + 2 * WAIT));
        // Lost, as the agent's own connection is: still once.
        sign.lost();
        let back = now + WAIT - Duration::from_millis(1);
        sign.back(back);
        assert_eq!(sign.due(), Some(back + WAIT));
        assert!(!sign.is_absent(seen(false, true, false), back + WAIT / 2));
        assert!(sign.is_absent(seen(false, true, false), back + WAIT));
    }

    #[test]
    fn who_was_found_to_be_somebody_is_not_looked_at_again() {
        let now = Instant::now();
        let mut sign = SignOfLife::new(now, WAIT);
        sign.participant_came(now);
        assert!(!sign.is_absent(seen(true, true, false), now + WAIT));
        sign.lost();
        sign.back(now + 2 * WAIT);
        assert_eq!(sign.due(), None);
    }
}
