//! The tokens that were given out.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Open sessions by their token.
#[derive(Debug, Default)]
pub(crate) struct Sessions(HashMap<String, DateTime<Utc>>);

impl Sessions {
    pub(crate) fn open(&mut self, token: String, now: DateTime<Utc>) {
        self.0.insert(token, now);
    }

    pub(crate) fn end(&mut self, token: &str) {
        self.0.remove(token);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_open(&self, token: &str, lifetime: Duration, now: DateTime<Utc>) -> bool {
        let lifetime = TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::MAX);
        self.0.get(token).is_some_and(|opened| now.signed_duration_since(*opened) < lifetime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_open_for_its_lifetime_or_until_it_is_ended() {
        let opened = DateTime::from_timestamp(1_761_739_384, 0).unwrap();
        let is_open = |sessions: &Sessions, seconds| {
            sessions.is_open("token", Duration::from_secs(10), opened + TimeDelta::seconds(seconds))
        };
        let mut sessions = Sessions::default();
        assert!(!is_open(&sessions, 0));
        sessions.open("token".to_owned(), opened);
        assert_eq!((is_open(&sessions, 9), is_open(&sessions, 10)), (true, false));
        sessions.end("token");
        assert!(!is_open(&sessions, 0));
    }
}
