//! What waits in the spool and what becomes of it, as the metrics show it.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Result};

use super::make::{Make, catch_up};
use crate::spool::{PublishOutcome, Spool};

/// Folders of the spool in which files are counted.
const JOURNAL: &str = "journal";
const UNREADABLE: &str = "unreadable";

#[derive(Clone)]
pub(super) struct SpoolMetrics {
    outbox_waiting: IntGauge,
    outbox_in_memory: IntGauge,
    outbox_oldest: IntGauge,
    journals_refused: IntGauge,
    files: IntGaugeVec,
    recovered: IntCounter,
    failing: IntGauge,
    published_kept: IntGauge,
    published_not_kept: IntCounter,
    publishes: IntCounterVec,
    publish_refused: IntGauge,
}

impl SpoolMetrics {
    pub(super) fn new(make: &Make) -> Result<Self> {
        Ok(Self {
            outbox_waiting: make.gauge("outbox_waiting", "Ended sessions that are not yet published")?,
            outbox_in_memory: make.gauge(
                "outbox_in_memory",
                "Ended sessions that are in memory only, because the disk refuses them",
            )?,
            outbox_oldest: make.gauge(
                "outbox_oldest_seconds",
                "Seconds since the end of the session that has waited longest to be published, 0 without one",
            )?,
            journals_refused: make.gauge(
                "journals_refused",
                "Sessions that go on and whose journal the disk refuses",
            )?,
            files: make.gauges(
                "spool_files",
                "Files of sessions that go on (journal), and files that were set aside for a person to look at (unreadable)",
                "folder",
                [JOURNAL, UNREADABLE],
            )?,
            recovered: make.counter(
                "sessions_recovered_total",
                "Sessions of a process that had died, which were found at the start",
            )?,
            failing: make.gauge("spool_failing", "1 while the disk of the spool refuses writes")?,
            published_kept: make.gauge(
                "published_kept",
                "Published sessions that are kept until NATS has surely synced them",
            )?,
            published_not_kept: make.counter(
                "published_not_kept_total",
                "Published sessions that were not kept as long as that, for want of room",
            )?,
            publishes: make.counters(
                "publishes_total",
                "Tries to publish a session, by what came of them",
                "outcome",
                PublishOutcome::ALL.map(PublishOutcome::label),
            )?,
            publish_refused: make.gauge(
                "publish_refused",
                "1 while JetStream answers and takes no session, as a full stream does",
            )?,
        })
    }

    pub(super) fn show(&self, spool: &Spool) {
        self.outbox_waiting.set(count(spool.waiting()));
        self.outbox_in_memory.set(count(spool.waiting_in_memory()));
        let oldest = spool.oldest_waits().unwrap_or_default().as_secs();
        self.outbox_oldest.set(i64::try_from(oldest).unwrap_or(i64::MAX));
        self.journals_refused.set(count(spool.journals_refused()));
        let (journals, unreadable) = spool.files();
        self.files.with_label_values(&[JOURNAL]).set(count(journals));
        self.files.with_label_values(&[UNREADABLE]).set(count(unreadable));
        catch_up(&self.recovered, spool.recovered());
        self.failing.set(spool.disk_fails().borrow().is_some().into());
        self.published_kept.set(count(spool.kept()));
        catch_up(&self.published_not_kept, spool.not_kept());
        for outcome in PublishOutcome::ALL {
            catch_up(&self.publishes.with_label_values(&[outcome.label()]), spool.publishes(outcome));
        }
        self.publish_refused.set(spool.why_publish_refused().is_some().into());
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
