//! Messages that the store does not take are held: for how long until the next try, and what an operator sees of it.

use std::time::Duration;

use prometheus::IntGauge;
use tokio::time::Instant;
use tracing::{debug, info};

use crate::backoff::{BACKOFF, BUSY_BACKOFF};
use crate::consume::outage::Outage;
use crate::consume::settle::Held;

/// A busy store is asked again after this time, whatever it says: it may take what others write long before.
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(30);
/// A store that is unavailable is asked again after this time, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// A message that is held for longer is logged once, and counted.
const LONG_HOLD: Duration = Duration::from_secs(60);

/// What a call is while the store does not take it.
pub(crate) struct Hold<'a> {
    outage: &'a Outage,
    long_holds: &'a IntGauge,
    began: Instant,
    is_held: bool,
    long: Option<LongHold>,
}

impl<'a> Hold<'a> {
    pub(crate) fn new(outage: &'a Outage, long_holds: &'a IntGauge) -> Self {
        Self { outage, long_holds, began: Instant::now(), is_held: false, long: None }
    }

    /// It was not taken. Where others are, that is no outage. How long until the next try.
    pub(crate) fn go_on(&mut self, held: &Held, failures: u32, is_suspect: bool) -> Duration {
        if !std::mem::replace(&mut self.is_held, true) {
            self.outage.hold();
        }
        let (pause, longest) = if held.busy {
            (BUSY_BACKOFF.pause(failures), LONGEST_BUSY_PAUSE)
        } else {
            (BACKOFF.pause(failures), LONGEST_PAUSE)
        };
        match (is_suspect, held.busy) {
            (true, _) => {}
            (false, true) => self.outage.busy(&held.reason, held.after),
            (false, false) => self.outage.begin_or_go_on(&held.reason, held.after),
        }
        let pause = pause.max(held.after.unwrap_or_default()).min(longest);
        if self.long.is_some() || self.began.elapsed() + pause >= LONG_HOLD {
            let messages = held.batch.messages.len();
            self.long.get_or_insert_with(|| LongHold::begin(self.long_holds, &held.reason)).has(messages);
        }
        debug!(reason = held.reason, pause_seconds = pause.as_secs_f64(), "not taken by the store");
        pause
    }

    pub(crate) fn end(&mut self) {
        if std::mem::replace(&mut self.is_held, false) {
            self.outage.released();
        }
    }
}

/// Messages that are held for long, told once and counted as long as it lasts.
struct LongHold {
    gauge: IntGauge,
    messages: i64,
}

impl LongHold {
    fn begin(gauge: &IntGauge, reason: &str) -> Self {
        info!(reason, "held for more than a minute, because the store does not take it");
        Self { gauge: gauge.clone(), messages: 0 }
    }

    fn has(&mut self, messages: usize) {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.gauge.add(messages - self.messages);
        self.messages = messages;
    }
}

impl Drop for LongHold {
    fn drop(&mut self) {
        self.gauge.sub(self.messages);
    }
}
