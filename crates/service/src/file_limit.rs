//! How many files the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Raises the soft limit to the hard one: the usual soft limit of 1,024 is for programs that call `select`.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        warn!(%error, files = limit.current, "the limit of open files stays as it is");
    }
}

/// The soft limit; `None` where there is none.
pub(crate) fn soft() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
