//! What the program asked to be called with, and when it is called.

use parking_lot::Mutex;

use crate::peer_connection::{
    OnConnectionChange, OnDataChannel, OnIceCandidate, OnIceCandidateError, OnTrack,
};

/// The callbacks of a peer connection.
#[derive(Default)]
pub(crate) struct Callbacks {
    pub(crate) connection_state: Callback<OnConnectionChange>,
    pub(crate) data_channel: Callback<OnDataChannel>,
    pub(crate) ice_candidate: Callback<OnIceCandidate>,
    pub(crate) ice_candidate_error: Callback<OnIceCandidateError>,
    pub(crate) track: Callback<OnTrack>,
}

impl Callbacks {
    /// Forgets all of them, and with them what they hold.
    pub(crate) fn clear(&self) {
        self.connection_state.set(None);
        self.data_channel.set(None);
        self.ice_candidate.set(None);
        self.ice_candidate_error.set(None);
        self.track.set(None);
    }
}

/// A callback that may be set, replaced and called from different threads.
pub(crate) struct Callback<F>(Mutex<Option<F>>);

impl<F> Default for Callback<F> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<F> Callback<F> {
    pub(crate) fn set(&self, callback: Option<F>) {
        let replaced = std::mem::replace(&mut *self.0.lock(), callback);
        // Outside the lock: what the callback holds may come back here when it is dropped.
        drop(replaced);
    }

    /// Runs `call` with the callback, if there is one.
    pub(crate) fn with(&self, call: impl FnOnce(&mut F)) {
        if let Some(callback) = self.0.lock().as_mut() {
            call(callback);
        }
    }
}
