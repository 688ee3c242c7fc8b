//! Which offers of livekit-server the worker takes, by a count of its places. No IO, and no clock.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Which jobs hold a place, and which offers are taken: all that the worker decides. A place is held from the answer to an
/// offer until its session has left the room, so that two offers never share one.
#[derive(Debug)]
pub(super) struct Jobs {
    capacity: usize,
    assignment_limit: Duration,
    draining: bool,
    /// The spool cannot be written: what begins now would be lost with the process.
    without_spool: bool,
    jobs: HashMap<String, Job>,
}

#[derive(Debug)]
struct Job {
    /// By name: a restarted server makes the room anew, and the session that serves it rejoins.
    room: String,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Accepted, not yet assigned; the place is given back then.
    Offered { until: Instant },
    /// Its session serves the room.
    Running,
    /// Its call is over; it exports and leaves.
    Leaving,
}

/// The answer to an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A place is held for the job.
    Accept,
    /// Another worker may take it.
    Refuse(Refusal),
    /// This worker serves that room already: nobody shall take it.
    RefuseForGood,
}

/// What metrics call the answers.
pub(crate) const OFFER_ANSWERS: [&str; 5] =
    ["accepted", "refused_full", "refused_draining", "refused_without_spool", "refused_room_served"];

impl Answer {
    pub(super) fn label(self) -> &'static str {
        let [accepted, full, draining, without_spool, room_served] = OFFER_ANSWERS;
        match self {
            Self::Accept => accepted,
            Self::Refuse(Refusal::Full) => full,
            Self::Refuse(Refusal::Draining) => draining,
            Self::Refuse(Refusal::WithoutSpool) => without_spool,
            Self::RefuseForGood => room_served,
        }
    }
}

/// Why a job is left to another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Full,
    Draining,
    WithoutSpool,
}

/// What to do about an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assignment {
    /// Its session is to be started.
    Start,
    /// Its session runs already.
    Duplicate,
    /// It came after its place was given back, and no other is free.
    Late,
}

impl Jobs {
    pub(super) fn new(capacity: usize, assignment_limit: Duration) -> Self {
        Self { capacity, assignment_limit, draining: false, without_spool: false, jobs: HashMap::new() }
    }

    pub(super) fn offer(&mut self, job_id: &str, room: &str, now: Instant) -> Answer {
        if self.draining {
            return Answer::Refuse(Refusal::Draining);
        }
        if self.without_spool {
            return Answer::Refuse(Refusal::WithoutSpool);
        }
        let serves = |job: &Job| job.room == room && job.phase != Phase::Leaving;
        let done = self.jobs.get(job_id).is_some_and(|job| job.phase == Phase::Leaving);
        if done || self.jobs.iter().any(|(id, job)| id != job_id && serves(job)) {
            return Answer::RefuseForGood;
        }
        if !self.jobs.contains_key(job_id) && self.jobs.len() >= self.capacity {
            return Answer::Refuse(Refusal::Full);
        }
        let until = now + self.assignment_limit;
        self.jobs
            .entry(job_id.to_owned())
            .or_insert(Job { room: room.to_owned(), phase: Phase::Offered { until } });
        Answer::Accept
    }

    pub(super) fn assign(&mut self, job_id: &str, room: &str) -> Assignment {
        let free = self.jobs.len() < self.capacity && !self.draining;
        match self.jobs.get_mut(job_id) {
            Some(job) if matches!(job.phase, Phase::Offered { .. }) => job.phase = Phase::Running,
            Some(_) => return Assignment::Duplicate,
            None if free => {
                self.jobs.insert(job_id.to_owned(), Job { room: room.to_owned(), phase: Phase::Running });
            }
            None => return Assignment::Late,
        }
        Assignment::Start
    }

    /// The call is over; its room may be offered again.
    pub(super) fn leaving(&mut self, job_id: &str) {
        if let Some(job) = self.jobs.get_mut(job_id) {
            job.phase = Phase::Leaving;
        }
    }

    /// The session has left: its place is free.
    pub(super) fn ended(&mut self, job_id: &str) {
        self.jobs.remove(job_id);
    }

    /// Gives back the places of offers that were not assigned in time; says which jobs those were.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<String> {
        let expired =
            |_: &String, job: &mut Job| matches!(job.phase, Phase::Offered { until } if until <= now);
        self.jobs.extract_if(expired).map(|(id, _)| id).collect()
    }

    /// When [`Self::expire`] next has something to do.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let until = |job: &Job| if let Phase::Offered { until } = job.phase { Some(until) } else { None };
        self.jobs.values().filter_map(until).min()
    }

    /// No further job is taken. Offers that were accepted are still waited for: the server counts on them.
    pub(super) fn drain(&mut self) {
        self.draining = true;
    }

    pub(super) fn draining(&self) -> bool {
        self.draining
    }

    /// The spool cannot be written any more, or again.
    pub(super) fn spool_fails(&mut self, fails: bool) {
        self.without_spool = fails;
    }

    pub(super) fn without_spool(&self) -> bool {
        self.without_spool
    }

    /// How many places are held.
    pub(super) fn held(&self) -> usize {
        self.jobs.len()
    }

    /// Whether another job would be taken.
    pub(super) fn available(&self) -> bool {
        !self.draining && !self.without_spool && self.jobs.len() < self.capacity
    }

    /// How many further jobs would be taken.
    pub(super) fn free(&self) -> usize {
        if self.available() { self.capacity - self.jobs.len() } else { 0 }
    }

    /// Names of the rooms whose jobs hold a place.
    pub(super) fn rooms(&self) -> HashSet<String> {
        self.jobs.values().map(|job| job.room.clone()).collect()
    }

    /// Share of the places that is held, 0 to 1; 1 when no job would be taken in any case.
    pub(super) fn load(&self) -> f32 {
        if self.draining || self.without_spool { 1.0 } else { self.jobs.len() as f32 / self.capacity as f32 }
    }
}

#[cfg(test)]
mod tests;
