//! Looks at the durable consumer once in a while: whether messages wait that nobody can see waiting, and what is settled by
//! now, by whichever replica.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::consume::acks::Acks;
use crate::consume::backlog::Backlog;
use crate::consume::durable_consumer::DurableConsumer;
use crate::consume::health::{Part, Readiness};
use crate::consume::metrics::Metrics;
use crate::consume::settle::Settler;
use crate::consume::unsettled::UnsettledMessages;
use crate::streams::ack_subject::PREFIX;
use crate::streams::link::Link;

const INTERVAL: Duration = Duration::from_secs(10);
/// How often it is logged that the window is full.
const LOG: Duration = Duration::from_secs(600);

/// Looks at the durable consumer for as long as the sink runs.
pub(crate) struct ConsumerWatch {
    pub(crate) sink: &'static str,
    pub(crate) link: Link,
    pub(crate) durable_consumer: Arc<DurableConsumer>,
    pub(crate) acks: Arc<Acks>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) unsettled: UnsettledMessages,
}

impl ConsumerWatch {
    pub(crate) async fn watch(self, settler: &Settler) {
        let refusals = self.link.tell_refusals(PREFIX, || self.acks.refused());
        tokio::select! {
            () = refusals => {}
            () = self.look(settler) => {}
        }
    }

    async fn look(&self, settler: &Settler) {
        let mut full_looks = 0;
        let mut next_log = None;
        let (oldest, dead_letters) =
            (self.metrics.oldest_unsettled.clone(), self.metrics.dead_letters_stored.clone());
        let mut backlog = Backlog::new(self.sink, self.link.clone(), oldest, dead_letters);
        loop {
            let looked_up = self.durable_consumer.look().await;
            self.acks.look();
            // Who pulls says what is wrong, where something is.
            if let Ok(consumer) = looked_up {
                let info = consumer.cached_info();
                let (floor, now) = (info.ack_floor.stream_sequence, Instant::now());
                settler.faults.forget_settled(floor, now);
                settler.dead_letter_sender.forget_settled(floor, now);
                self.unsettled.settled_up_to(floor);
                self.count(info);
                // Once may be by chance, as when many replicas have all that they may have in flight.
                full_looks = if is_full(info) { full_looks + 1 } else { 0 };
                self.say_whether_full(info, full_looks >= 2, &mut next_log);
                backlog.show(info).await;
            }
            sleep(INTERVAL).await;
        }
    }

    fn count(&self, info: &Info) {
        self.metrics.unsettled.set(i64::try_from(info.num_ack_pending).unwrap_or(i64::MAX));
        self.metrics.undelivered.set(i64::try_from(info.num_pending).unwrap_or(i64::MAX));
        self.metrics.redelivered.set(i64::try_from(info.num_redelivered).unwrap_or(i64::MAX));
        self.metrics.window.set(info.config.max_ack_pending.max(0));
    }

    fn say_whether_full(&self, info: &Info, full: bool, next_log: &mut Option<Instant>) {
        if !full {
            if self.readiness.set(Part::Window, Ok(())) {
                *next_log = None;
                info!("the consumer's window has room again");
            }
            return;
        }
        let reason = format!(
            "{} messages are delivered and not settled, as many as consumer {} may have (max_ack_pending), and {} others wait \
             behind them; `{} setup` takes the limit away",
            info.num_ack_pending, self.sink, info.num_pending, self.sink
        );
        self.readiness.set(Part::Window, Err(reason.clone()));
        let now = Instant::now();
        if next_log.is_none_or(|next| now >= next) {
            *next_log = Some(now + LOG);
            warn!(reason, "the consumer's window is full");
        }
    }
}

/// Messages wait that are not even delivered, because others, which are, wait for another try.
fn is_full(info: &Info) -> bool {
    let window = usize::try_from(info.config.max_ack_pending).unwrap_or_default();
    window > 0 && info.num_ack_pending >= window && info.num_pending > 0
}
