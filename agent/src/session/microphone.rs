//! Which of the participant's tracks the agent is subscribed to: one, the newest microphone.

use livekit::prelude::{RemoteTrackPublication, TrackKind, TrackSid, TrackSource};

use crate::budget::Budget;
use crate::budget::kinds::Cut;

/// How often a call may change its microphone: each change is a negotiation.
const MOST_CHANGES: usize = 32;

/// The track that the agent listens to.
pub(super) struct Microphone {
    budget: Budget,
    subscribed: Option<RemoteTrackPublication>,
    changes: usize,
}

impl Microphone {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, subscribed: None, changes: 0 }
    }

    /// Subscribes to this one in place of another, if it is a microphone's.
    pub(super) fn published(&mut self, publication: &RemoteTrackPublication) {
        if publication.kind() != TrackKind::Audio || publication.source() == TrackSource::ScreenshareAudio {
            return;
        }
        let is_microphone =
            |publication: &RemoteTrackPublication| publication.source() == TrackSource::Microphone;
        let worse = self
            .subscribed
            .as_ref()
            .is_some_and(|earlier| is_microphone(earlier) && !is_microphone(publication));
        if worse || self.changes >= MOST_CHANGES {
            return self.budget.cut(Cut::Tracks);
        }
        self.changes += 1;
        if let Some(earlier) = self.subscribed.replace(publication.clone()) {
            self.budget.cut(Cut::Tracks);
            earlier.set_subscribed(false);
        }
        publication.set_subscribed(true);
    }

    /// Whether it was the subscribed one; another one may be, then.
    pub(super) fn unpublished(&mut self, sid: &TrackSid) -> bool {
        let was = self.is_subscribed(sid);
        if was {
            self.subscribed = None;
        }
        was
    }

    pub(super) fn is_subscribed(&self, sid: &TrackSid) -> bool {
        self.subscribed.as_ref().is_some_and(|publication| publication.sid() == *sid)
    }

    /// The participant came back: its tracks are others.
    pub(super) fn forget(&mut self) {
        self.subscribed = None;
    }
}
