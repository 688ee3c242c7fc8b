//! Whether it is a message's own fault, and not the store's, that the store does not take it: others are written meanwhile.

use std::time::Duration;

use tokio::time::Instant;

/// Refusals in a row, each with another write between it and the one before, after which the fault is the message's own. A
/// store that refuses by chance, or most of what it is sent, takes each message before that.
const REFUSALS: u32 = 5;
/// They take so long at least: a store may be about to go, or to come back.
const SHORTEST: Duration = Duration::from_secs(5);

/// What speaks against the messages of one call.
#[derive(Debug, Clone)]
pub(crate) struct Suspicion {
    /// Writes that had succeeded by the refusal before.
    writes: u64,
    refusals: u32,
    since: Instant,
}

impl Suspicion {
    /// None yet. `writes` is how many others were written by now.
    pub(crate) fn none(writes: u64, now: Instant) -> Self {
        Self { writes, refusals: 0, since: now }
    }

    /// They were refused, and so many writes have succeeded by now. Does that speak against them, and not against the store?
    pub(crate) fn refused(&mut self, writes: u64) -> bool {
        let others_were_written = writes > self.writes;
        self.writes = writes;
        self.refusals += u32::from(others_were_written);
        others_were_written
    }

    /// Is it their own fault?
    pub(crate) fn is_certain(&self, now: Instant) -> bool {
        self.refusals >= REFUSALS && now >= self.since + SHORTEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_blames_nobody() {
        let now = Instant::now();
        let mut suspicion = Suspicion::none(7, now);
        assert!((0..1_000).all(|_| !suspicion.refused(7)));
        assert!(!suspicion.is_certain(now + Duration::from_secs(3_600)));
    }

    #[test]
    fn what_is_refused_again_and_again_while_others_are_written_is_blamed() {
        let now = Instant::now();
        let mut suspicion = Suspicion::none(0, now);
        assert!((1..=REFUSALS.into()).all(|writes| suspicion.refused(writes)));
        assert!(!suspicion.is_certain(now + SHORTEST / 2));
        assert!(suspicion.is_certain(now + SHORTEST));
    }
}
