//! How long a sink waits before it tries something again.

use std::time::Duration;

use service::Backoff;

/// Before the store, NATS or the dead-letter stream is tried again: up to 30 s, and at least a fifth of the span, so that
/// many waiters do not come back at once.
pub(crate) const BACKOFF: Backoff =
    Backoff::new(Duration::from_millis(250), Duration::from_secs(30)).with_least(0.2);

/// Before a message is delivered again after a fault of its own, such as a locked row: up to 5 minutes. 20 tries take half
/// an hour or so, in which a job that holds a record can end.
pub(crate) const REDELIVERY_BACKOFF: Backoff =
    Backoff::new(Duration::from_millis(250), Duration::from_secs(300)).with_least(0.2);

/// Before a write that a busy store refused is made again: up to 5 s, and however little. The number of writes at a time
/// keeps the waiters from coming back at once.
pub(crate) const BUSY_BACKOFF: Backoff =
    Backoff::new(Duration::from_millis(50), Duration::from_secs(5)).with_least(0.0);
