//! Which of the participant's tracks is heard: one, the newest microphone.

use livekit::prelude::{RemoteTrackPublication, TrackKind, TrackSid, TrackSource};

use crate::budget::{Budget, Cut};

/// How often a call may change its microphone: each change is a negotiation.
const MOST_CHANGES: usize = 32;

/// The track that is heard.
pub(super) struct Microphone {
    budget: Budget,
    heard: Option<RemoteTrackPublication>,
    changes: usize,
}

impl Microphone {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, heard: None, changes: 0 }
    }

    /// Hears this one in place of another, if it is a microphone's.
    pub(super) fn published(&mut self, publication: &RemoteTrackPublication) {
        if publication.kind() != TrackKind::Audio || publication.source() == TrackSource::ScreenshareAudio {
            return;
        }
        let is_microphone =
            |publication: &RemoteTrackPublication| publication.source() == TrackSource::Microphone;
        let worse =
            self.heard.as_ref().is_some_and(|heard| is_microphone(heard) && !is_microphone(publication));
        if worse || self.changes >= MOST_CHANGES {
            return self.budget.cut(Cut::Tracks);
        }
        self.changes += 1;
        if let Some(earlier) = self.heard.replace(publication.clone()) {
            self.budget.cut(Cut::Tracks);
            earlier.set_subscribed(false);
        }
        publication.set_subscribed(true);
    }

    /// Whether it was the one that is heard; another one may be, then.
    pub(super) fn unpublished(&mut self, sid: &TrackSid) -> bool {
        let was = self.is_heard(sid);
        if was {
            self.heard = None;
        }
        was
    }

    pub(super) fn is_heard(&self, sid: &TrackSid) -> bool {
        self.heard.as_ref().is_some_and(|heard| heard.sid() == *sid)
    }

    /// The participant came back: its tracks are others.
    pub(super) fn forget(&mut self) {
        self.heard = None;
    }
}
