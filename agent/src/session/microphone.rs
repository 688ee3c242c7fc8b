//! Which of the participant's tracks the agent is subscribed to: one, the newest microphone.
//!
//! LiveKit's SDK sends each request by a task of its own, so that two of them may overtake each other: what was first left
//! and then wanted again stays away, and nobody says so. So a track that does not come is asked for again, and one that comes
//! unasked is left again.

use std::time::{Duration, Instant};

use livekit::prelude::{RemoteTrackPublication, TrackKind, TrackSid, TrackSource};
use tracing::debug;

use crate::budget::Budget;
use crate::budget::kinds::Cut;

/// How often a call may change its microphone: each change is a negotiation.
const MOST_CHANGES: usize = 32;
/// How long a track is waited for before it is asked for again.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(1);
/// How often a track is asked for.
const MOST_REQUESTS: usize = 5;

/// The track that the agent listens to.
pub(super) struct Microphone {
    budget: Budget,
    subscription: Option<Subscription>,
    changes: usize,
}

struct Subscription {
    publication: RemoteTrackPublication,
    requests: usize,
    /// When the track was asked for; `None` once it is there.
    asked: Option<Instant>,
}

impl Subscription {
    fn is_to(&self, sid: &TrackSid) -> bool {
        self.publication.sid() == *sid
    }
}

impl Microphone {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, subscription: None, changes: 0 }
    }

    /// Subscribes to this one in place of another, if it is a microphone's.
    ///
    /// A track that came while the room was joined is seen twice: among those that are there, and as published.
    pub(super) fn published(&mut self, publication: &RemoteTrackPublication) {
        let is_audio =
            publication.kind() == TrackKind::Audio && publication.source() != TrackSource::ScreenshareAudio;
        if !is_audio || self.subscription_to(&publication.sid()).is_some() {
            return;
        }
        let is_microphone =
            |publication: &RemoteTrackPublication| publication.source() == TrackSource::Microphone;
        let earlier = self.subscription.as_ref().map(|subscription| &subscription.publication);
        let worse = earlier.is_some_and(|earlier| is_microphone(earlier) && !is_microphone(publication));
        if worse || self.changes >= MOST_CHANGES {
            return self.budget.cut(Cut::Tracks);
        }
        self.changes += 1;
        if let Some(earlier) = earlier {
            self.budget.cut(Cut::Tracks);
            earlier.set_subscribed(false);
        }
        publication.set_subscribed(true);
        let asked = Some(Instant::now());
        self.subscription = Some(Subscription { publication: publication.clone(), requests: 1, asked });
    }

    /// Whether it was the subscribed one; another one may be, then.
    pub(super) fn unpublished(&mut self, sid: &TrackSid) -> bool {
        self.subscription.take_if(|subscription| subscription.is_to(sid)).is_some()
    }

    /// A track is there. Whether it is the one that is wanted.
    pub(super) fn came(&mut self, sid: &TrackSid) -> bool {
        let Some(subscription) = self.subscription_to(sid) else { return false };
        subscription.asked = None;
        true
    }

    /// The track is there no longer, though it is published: it is waited for.
    pub(super) fn went(&mut self, sid: &TrackSid) {
        if let Some(subscription) = self.subscription_to(sid) {
            subscription.asked.get_or_insert_with(Instant::now);
        }
    }

    /// When to ask again.
    pub(super) fn due(&self) -> Option<Instant> {
        let subscription = self.subscription.as_ref()?;
        subscription
            .asked
            .filter(|_| subscription.requests < MOST_REQUESTS)
            .map(|asked| asked + ARRIVAL_LIMIT)
    }

    /// Asks again, where it is time to.
    pub(super) fn ask_again(&mut self, now: Instant) {
        let is_due = self.due().is_some_and(|due| due <= now);
        let Some(subscription) = self.subscription.as_mut().filter(|_| is_due) else { return };
        debug!("the caller's track did not come: it is asked for again");
        subscription.requests += 1;
        subscription.asked = Some(now);
        subscription.publication.set_subscribed(true);
    }

    fn subscription_to(&mut self, sid: &TrackSid) -> Option<&mut Subscription> {
        self.subscription.as_mut().filter(|subscription| subscription.is_to(sid))
    }

    /// The participant came back: its tracks are others.
    pub(super) fn forget(&mut self) {
        self.subscription = None;
    }
}
