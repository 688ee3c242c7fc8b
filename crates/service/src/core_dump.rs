//! No core dumps: the memory of a program that crashes has keys, tokens and what callers said, and its image would lie on a disk.

use rustix::process::{Resource, Rlimit, setrlimit};
use tracing::warn;

/// The length that the kernel takes for none, also where dumps go to a program by a pipe, such as to systemd's: there it passes
/// over a limit of 0.
const NONE: u64 = 1;

/// For good: a process does not get back what it has given up of a hard limit.
pub(crate) fn forbid() {
    let none = Rlimit { current: Some(NONE), maximum: Some(NONE) };
    let nothing = Rlimit { current: Some(0), maximum: Some(0) };
    // Where even a byte is more than it may have, no file is written at least.
    let forbidden = setrlimit(Resource::Core, none).or_else(|_| setrlimit(Resource::Core, nothing));
    if let Err(error) = forbidden {
        warn!(%error, "core dumps are not forbidden: they would hold keys, and what callers said");
    }
}
