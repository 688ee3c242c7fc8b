//! Whether the stream still has what it has acknowledged, by what is seen of it from time to time.

use std::time::Instant;

use async_nats::jetstream::stream::Info;
use chrono::{DateTime, Utc};

/// What a server says of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamState {
    /// When the stream was made.
    pub(super) created: DateTime<Utc>,
    pub(super) last_sequence: u64,
}

impl StreamState {
    pub(super) fn of(info: &Info) -> Self {
        Self { created: info.created, last_sequence: info.state.last_sequence }
    }
}

/// What the looks at a stream say together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The first look: nothing is known of what was before.
    First,
    /// At this moment it had all that it has acknowledged until then.
    Held(Instant),
    /// It was made anew, or lacks what it had.
    WentBack,
}

/// The last look over a connection.
#[derive(Debug, Default)]
pub(super) struct StreamWatch {
    last: Option<(Instant, StreamState)>,
}

impl StreamWatch {
    /// What a look that began at a moment has shown. What it proves, it proves of the look before: a connection that was lost and
    /// made again between the two would be known by now.
    pub(super) fn look(&mut self, began: Instant, state: StreamState) -> Seen {
        match self.last.replace((began, state)) {
            None => Seen::First,
            Some((_, last)) if state.created != last.created || state.last_sequence < last.last_sequence => {
                Seen::WentBack
            }
            Some((before, _)) => Seen::Held(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn state(created: i64, last_sequence: u64) -> StreamState {
        StreamState { created: DateTime::from_timestamp_nanos(created), last_sequence }
    }

    #[test]
    fn a_stream_that_grows_held_everything_at_the_look_before() {
        let (mut watch, began) = (StreamWatch::default(), Instant::now());
        let later = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(watch.look(began, state(1, 7)), Seen::First);
        assert_eq!(watch.look(later(15), state(1, 7)), Seen::Held(began));
        assert_eq!(watch.look(later(30), state(1, 9)), Seen::Held(later(15)));
    }

    #[test]
    fn fewer_messages_or_another_stream_are_a_loss() {
        let now = Instant::now();
        for after in [state(1, 6), state(2, 7), state(2, 0), state(2, 9)] {
            let mut watch = StreamWatch::default();
            watch.look(now, state(1, 7));
            assert_eq!(watch.look(now, after), Seen::WentBack, "{after:?}");
            // It is told once.
            assert_eq!(watch.look(now, after), Seen::Held(now));
        }
    }
}
