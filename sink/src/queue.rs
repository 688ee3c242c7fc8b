use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;
use schemas::names::SESSIONS_STREAM;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::backoff::pause_after;
use crate::health::{Part, Readiness};
use crate::in_hand::{Delivery, InHand};
use crate::outage::Outage;
use crate::pull::{Pull, PullError};
use service::Connection;

/// Longest pause between two looks for a missing consumer.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Longest wait at the shutdown for messages that are on their way.
const LONGEST_END: Duration = Duration::from_millis(500);

/// The durable consumer of a sink, pulled only as far as there are places.
pub(crate) struct Queue {
    pub(crate) sink: &'static str,
    /// Messages that may be in hand at a time.
    pub(crate) places: usize,
    /// Most messages in one call of the writer.
    pub(crate) batch: usize,
    /// Payload bytes that may be in hand at a time.
    pub(crate) bytes: u32,
    /// Told when a message has to wait for bytes: until others are settled, none comes.
    pub(crate) no_room: Arc<Notify>,
    pub(crate) connection: Connection,
    pub(crate) in_hand: Arc<InHand>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) shutdown: CancellationToken,
    /// The last pull request got no answer, or a refusal.
    pub(crate) in_trouble: bool,
}

impl Queue {
    /// Pulls until the shutdown. A lost connection, stream or consumer makes the sink not ready until it is back.
    pub(crate) async fn pull_until_shutdown(mut self, pulled: mpsc::Sender<Delivery>) {
        let places = Arc::new(Semaphore::new(self.places));
        let bytes = Arc::new(Semaphore::new(self.bytes as usize));
        let shutdown = self.shutdown.clone();
        while let Some(consumer) = shutdown.run_until_cancelled(self.consumer()).await {
            match self.pull_from(&consumer, &places, &bytes, &pulled).await {
                Ok(()) => return,
                Err(error @ (PullError::MissingHeartbeat | PullError::Ended(_))) => {
                    // The consumer is there, but its messages do not come: not ready until they do.
                    warn!(%error, "pull request ended early");
                    self.in_trouble = true;
                    self.readiness.set(Part::Queue, Err(format!("pull messages: {error}")));
                }
                // Usual when the server restarts; `consumer` says what is missing, where something is.
                Err(error) => info!(%error, "pull request ended early"),
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(pause_after(2))).await.is_none() {
                return;
            }
        }
    }

    /// The durable consumer, as soon as it can be reached.
    async fn consumer(&mut self) -> PullConsumer {
        let mut failures = 0;
        loop {
            let not_yet = |reason| {
                self.readiness.set(Part::Queue, Err(reason));
            };
            if !self.connection.wait(not_yet).await {
                // The client has ended; what is asked of it says so.
                debug!("no client of NATS");
            }
            self.connection.connected.mark_unchanged();
            let looked_up: Result<PullConsumer, _> =
                self.connection.jetstream.get_consumer_from_stream(self.sink, SESSIONS_STREAM).await;
            match looked_up {
                Ok(consumer) => {
                    self.in_hand.set_ack_wait(consumer.cached_info().config.ack_wait);
                    if !self.in_trouble && self.readiness.set(Part::Queue, Ok(())) {
                        info!(stream = SESSIONS_STREAM, consumer = self.sink, "pulling");
                    }
                    return consumer;
                }
                Err(error) => {
                    let sink = self.sink;
                    let hint =
                        if is_missing(&error) { format!("; run `{sink} setup`") } else { String::new() };
                    let reason = format!("consumer {sink} of stream {SESSIONS_STREAM}: {error}{hint}");
                    if self.readiness.set(Part::Queue, Err(reason.clone())) {
                        warn!(reason, "not ready");
                    }
                }
            }
            failures += 1;
            tokio::time::sleep(pause_after(failures).min(LONGEST_PAUSE)).await;
        }
    }
    /// Asks for as many messages as there are places, again and again. Ends without an error at the shutdown only.
    async fn pull_from(
        &mut self,
        consumer: &PullConsumer,
        places: &Arc<Semaphore>,
        bytes: &Arc<Semaphore>,
        pulled: &mpsc::Sender<Delivery>,
    ) -> Result<(), PullError> {
        let shutdown = self.shutdown.clone();
        loop {
            let free = async {
                self.outage.over().await;
                // Some at a time, or a busy sink would ask for every message by itself. And no less than a batch: what the
                // batch before it still holds would be asked for too late to join this one.
                free_places(places, self.places.div_ceil(4).max(self.batch)).await
            };
            let Some(Some(mut free)) = shutdown.run_until_cancelled(free).await else { return Ok(()) };
            let jetstream = &self.connection.jetstream;
            // What is on its way is not counted as in hand: no more than a third of it is asked for at a time.
            let bytes_on_their_way = self.bytes as usize / 3;
            let mut pull = Pull::request(jetstream, consumer, free.num_permits(), bytes_on_their_way).await?;
            loop {
                let message = tokio::select! {
                    message = pull.next() => message?,
                    changed = self.connection.connected.changed() => {
                        return Err(changed.map_or(PullError::Closed, |()| PullError::ConnectionChanged));
                    }
                    () = shutdown.cancelled() => return self.end(pull, free, bytes, pulled).await,
                };
                if std::mem::take(&mut self.in_trouble) {
                    info!("messages come again");
                    self.readiness.set(Part::Queue, Ok(()));
                }
                let Some(message) = message else { break };
                self.hand_over(message, &mut free, bytes, pulled).await;
            }
        }
    }

    /// Takes what is on its way already, so that it need not wait for its next delivery.
    async fn end(
        &self,
        mut pull: Pull,
        mut free: OwnedSemaphorePermit,
        bytes: &Arc<Semaphore>,
        pulled: &mpsc::Sender<Delivery>,
    ) -> Result<(), PullError> {
        let rest = async {
            pull.end().await?;
            while let Ok(Some(message)) = pull.next().await {
                self.hand_over(message, &mut free, bytes, pulled).await;
            }
            Ok(())
        };
        tokio::time::timeout(LONGEST_END, rest).await.unwrap_or(Ok(()))
    }

    async fn hand_over(
        &self,
        mut message: jetstream::Message,
        free: &mut OwnedSemaphorePermit,
        bytes: &Arc<Semaphore>,
        pulled: &mpsc::Sender<Delivery>,
    ) {
        // As it came, it keeps the whole of the client's read buffer in memory.
        message.message.payload = Bytes::copy_from_slice(&message.payload);
        let size = u32::try_from(message.payload.len()).unwrap_or(u32::MAX).clamp(1, self.bytes);
        let mut delivery = match self.in_hand.take(message, free.split(1)) {
            Ok(delivery) => delivery,
            Err(error) => return warn!(%error, "not a message of a consumer"),
        };
        delivery.bytes = match Arc::clone(bytes).try_acquire_many_owned(size) {
            Ok(share) => Some(share),
            Err(_) => {
                self.no_room.notify_one();
                let share = Arc::clone(bytes).acquire_many_owned(size);
                self.shutdown.run_until_cancelled(share).await.and_then(Result::ok)
            }
        };
        if pulled.send(delivery).await.is_err() {
            debug!("nobody takes messages any more");
        }
    }
}

/// All free places, as soon as there are at least `least`.
async fn free_places(places: &Arc<Semaphore>, least: usize) -> Option<OwnedSemaphorePermit> {
    let least = u32::try_from(least).ok()?;
    let mut free = Arc::clone(places).acquire_many_owned(least).await.ok()?;
    while let Ok(more) = Arc::clone(places).try_acquire_owned() {
        free.merge(more);
    }
    Some(free)
}

/// Is it the stream or the consumer that is not there?
fn is_missing(error: &ConsumerError) -> bool {
    match error.kind() {
        ConsumerErrorKind::JetStream(error) => {
            matches!(error.error_code(), ErrorCode::STREAM_NOT_FOUND | ErrorCode::CONSUMER_NOT_FOUND)
        }
        _ => false,
    }
}
