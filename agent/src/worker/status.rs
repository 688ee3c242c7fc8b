//! The state of the worker, for its health pages and for its sessions.

use std::collections::HashSet;

/// The worker as others see it.
#[derive(Debug, Clone, Default)]
pub struct WorkerStatus {
    /// Id given by LiveKit; `None` while not connected.
    pub worker_id: Option<String>,
    /// Why there is no connection to LiveKit.
    pub trouble: Option<String>,
    /// Jobs that hold a place.
    pub active_jobs: usize,
    /// Share of the places that is held, 0 to 1.
    pub load: f32,
    /// Whether the worker is about to stop.
    pub draining: bool,
    /// Whether no calls are taken because the spool cannot be written.
    pub without_spool: bool,
    /// How many further jobs would be taken.
    pub free_places: usize,
    /// Names of the rooms whose jobs hold a place.
    pub rooms: HashSet<String>,
}
