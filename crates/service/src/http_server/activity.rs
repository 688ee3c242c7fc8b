//! What a connection waits for, and until when. No clock is in it: the time is an argument.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::HttpLimits;

/// Bytes a second at which a client is fast enough, however long its answer is.
const SLOWEST_READER: u64 = 1024;

/// What a connection is at, and since when. The parts of a connection tell it what they see; clocks are theirs.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// Set while the client takes less than it is offered.
    blocked: Option<Blocked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte of a request has come yet.
    Fresh,
    /// A request was answered, and nothing came since.
    Idle,
    /// The head of a request is coming.
    Head,
    /// Its body is coming.
    Body,
    /// The request is there; the answer is the server's task.
    Answer,
}

#[derive(Debug)]
struct Blocked {
    since: Instant,
    written: u64,
}

/// Why a connection was ended at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooSlow {
    Head,
    Body,
    Idle,
    Reader,
}

impl Activity {
    pub(super) fn begin(now: Instant) -> Self {
        Self(Mutex::new(State { phase: Phase::Fresh, since: now, blocked: None }))
    }

    /// The client sent something.
    pub(super) fn received(&self, now: Instant) {
        let mut state = self.0.lock();
        match state.phase {
            // The head's time began with the connection.
            Phase::Fresh => state.phase = Phase::Head,
            Phase::Idle => state.enter(Phase::Head, now),
            Phase::Head | Phase::Body | Phase::Answer => {}
        }
    }

    /// The head of a request is whole.
    pub(super) fn request_began(&self, with_body: bool, now: Instant) {
        self.0.lock().enter(if with_body { Phase::Body } else { Phase::Answer }, now);
    }

    /// The body came to its end, or nobody wants it.
    pub(super) fn body_ended(&self, now: Instant) {
        let mut state = self.0.lock();
        if state.phase == Phase::Body {
            state.enter(Phase::Answer, now);
        }
    }

    /// The answer was made, and handed on to be written.
    pub(super) fn answered(&self, now: Instant) {
        self.0.lock().enter(Phase::Idle, now);
    }

    /// The client took some of what it was offered; all of it where nothing was left.
    pub(super) fn wrote(&self, bytes: usize, all: bool) {
        let mut state = self.0.lock();
        if all {
            state.blocked = None;
        } else if let Some(blocked) = &mut state.blocked {
            blocked.written += bytes as u64;
        }
    }

    /// The client takes nothing for now.
    pub(super) fn write_blocked(&self, now: Instant) {
        self.0.lock().blocked.get_or_insert(Blocked { since: now, written: 0 });
    }

    /// Whether a shutdown may end it at once: no request has begun.
    pub(super) fn is_between_requests(&self) -> bool {
        let state = self.0.lock();
        matches!(state.phase, Phase::Fresh | Phase::Idle) && state.blocked.is_none()
    }

    /// Since when it is the client's turn.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let state = self.0.lock();
        let blocked = state.blocked.as_ref().map(|blocked| blocked.since);
        blocked.or((state.phase != Phase::Answer).then_some(state.since))
    }

    /// When the client has had its time, and for what.
    pub(super) fn deadline(&self, limits: &HttpLimits) -> Option<(Instant, TooSlow)> {
        let state = self.0.lock();
        let phase = match state.phase {
            Phase::Fresh | Phase::Head => Some((limits.head, TooSlow::Head)),
            Phase::Idle => Some((limits.idle, TooSlow::Idle)),
            Phase::Body => Some((limits.body, TooSlow::Body)),
            Phase::Answer => None,
        };
        let phase = phase.map(|(limit, too_slow)| (state.since + limit, too_slow));
        let reader = state.blocked.as_ref().map(|blocked| {
            let earned = Duration::from_millis(blocked.written.saturating_mul(1_000) / SLOWEST_READER);
            (blocked.since + limits.write + earned, TooSlow::Reader)
        });
        phase.into_iter().chain(reader).min_by_key(|(deadline, _)| *deadline)
    }
}

impl State {
    fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn left(activity: &Activity, start: Instant) -> Option<(u64, TooSlow)> {
        let deadline = activity.deadline(&HttpLimits::operations());
        deadline.map(|(deadline, too_slow)| ((deadline - start).as_secs(), too_slow))
    }

    #[test]
    fn every_wait_for_the_client_has_its_limit() {
        let start = Instant::now();
        let activity = Activity::begin(start);
        assert_eq!(left(&activity, start), Some((10, TooSlow::Head)));
        activity.received(start + SECOND);
        activity.received(start + 2 * SECOND);
        assert_eq!(left(&activity, start), Some((10, TooSlow::Head)));
        activity.request_began(true, start + 3 * SECOND);
        assert_eq!(left(&activity, start), Some((18, TooSlow::Body)));
        activity.received(start + 4 * SECOND);
        activity.body_ended(start + 5 * SECOND);
        assert_eq!(left(&activity, start), None);
        assert_eq!(activity.waiting_since(), None);
        activity.answered(start + 6 * SECOND);
        assert_eq!(left(&activity, start), Some((81, TooSlow::Idle)));
        assert!(activity.is_between_requests());
        activity.received(start + 20 * SECOND);
        assert_eq!(left(&activity, start), Some((30, TooSlow::Head)));
        assert!(!activity.is_between_requests());
    }

    #[test]
    fn a_reader_earns_time_by_what_it_takes() {
        let start = Instant::now();
        let activity = Activity::begin(start);
        activity.request_began(false, start);
        activity.write_blocked(start);
        assert_eq!(left(&activity, start), Some((20, TooSlow::Reader)));
        activity.wrote(10 * 1024, false);
        activity.write_blocked(start + 5 * SECOND);
        assert_eq!(left(&activity, start), Some((30, TooSlow::Reader)));
        activity.wrote(1, true);
        assert_eq!(left(&activity, start), None);
    }
}
