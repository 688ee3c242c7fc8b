//! Back-off for a listener that cannot take connections, for want of files or memory.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use tokio::time::Instant;
use tracing::error;

use crate::seldom::Seldom;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What became of the last attempts to take a connection.
#[derive(Debug, Default)]
pub(super) struct AcceptErrors {
    pause: Duration,
    logged: Seldom,
}

impl AcceptErrors {
    /// A connection was taken: the next error begins with the shortest pause.
    pub(super) fn none(&mut self) {
        self.pause = Duration::ZERO;
    }

    /// How long to wait before the next attempt; `None` where the fault was that connection's own. The first error is
    /// logged, and then one a minute.
    pub(super) fn pause(&mut self, error: &Error) -> Option<Duration> {
        let its_own = [
            ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionAborted,
            ErrorKind::ConnectionReset,
            ErrorKind::Interrupted,
        ];
        if its_own.contains(&error.kind()) {
            return None;
        }
        if let Some(before) = self.logged.now(Instant::now()) {
            error!(
                %error,
                not_logged = before,
                "no connection can be taken; where files are the reason, raise the limit (ulimit -n, LimitNOFILE)"
            );
        }
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        Some(self.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_begin_anew() {
        let mut errors = AcceptErrors::default();
        let out_of_files = Error::from_raw_os_error(24);
        let pauses: Vec<_> = (0..8).filter_map(|_| errors.pause(&out_of_files)).collect();
        assert_eq!((pauses[0], pauses[1], pauses[7]), (FIRST_PAUSE, 2 * FIRST_PAUSE, LONGEST_PAUSE));
        errors.none();
        assert_eq!(errors.pause(&out_of_files), Some(FIRST_PAUSE));
        assert_eq!(errors.pause(&ErrorKind::ConnectionAborted.into()), None);
    }
}
