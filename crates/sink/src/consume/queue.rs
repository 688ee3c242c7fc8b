//! Backpressure: the durable consumer is pulled from only as far as there is room for messages and bytes in flight.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_nats::jetstream::consumer::PullConsumer;
use bytes::Bytes;
use schemas::names::SESSIONS_STREAM;
use service::Connection;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::backoff::BACKOFF;
use crate::consume::durable_consumer::{Created, DurableConsumer, is_missing};
use crate::consume::health::{Part, Readiness};
use crate::consume::in_flight::{Delivered, Delivery, InFlight};
use crate::consume::outage::{Outage, Pulling};
use crate::consume::pull::{Pull, PullError};
use crate::consume::recovery::{Recovery, read_lost};
use crate::streams::ack_subject::read_ack_subject;
use crate::streams::headers::Headers;
use crate::streams::link::Link;
use crate::streams::stored_message::StoredMessages;

/// Longest pause between two looks for a missing consumer, and after a refusal.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// After this time one place is enough: messages that the store does not take may hold the others for long.
const LONGEST_WAIT_FOR_PLACES: Duration = Duration::from_secs(2);

/// Longest wait at the shutdown for messages that are on their way.
const LONGEST_END: Duration = Duration::from_millis(500);

/// The durable consumer of a sink, pulled only as far as there are places.
pub(crate) struct Queue {
    pub(crate) sink: &'static str,
    /// Messages that may be in flight at a time.
    pub(crate) places: usize,
    /// Most messages in one call of the writer.
    pub(crate) batch: usize,
    /// Payload bytes that may be in flight at a time.
    pub(crate) bytes: u32,
    /// Told when a message has to wait for bytes: until others are settled, none comes.
    pub(crate) no_room: Arc<Notify>,
    /// By which messages come. What publishers sent is received by it and by nothing else, so nothing else ends with it.
    pub(crate) pulling: Link,
    /// By which everything else goes.
    pub(crate) link: Link,
    pub(crate) durable_consumer: Arc<DurableConsumer>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) shutdown: CancellationToken,
    /// The last pull request got no answer, or a refusal.
    pub(crate) in_trouble: bool,
    /// The next message is larger than the server takes by now.
    pub(crate) next_is_large: bool,
    pub(crate) recovery: Recovery,
}

/// Where pulled messages go, and what room there is for them.
pub(crate) struct Room {
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    pulled_tx: mpsc::Sender<Delivery>,
}

impl Queue {
    /// Pulls until the shutdown. A lost connection, stream or consumer makes the sink not ready until it is back.
    pub(crate) async fn pull_until_shutdown(mut self, pulled_tx: mpsc::Sender<Delivery>) {
        let room = Room {
            places: Arc::new(Semaphore::new(self.places)),
            bytes: Arc::new(Semaphore::new(self.bytes as usize)),
            pulled_tx,
        };
        let shutdown = self.shutdown.clone();
        while let Some((connection, consumer)) = shutdown.run_until_cancelled(self.consumer()).await {
            if shutdown.run_until_cancelled(self.take_lost(&consumer, &room, None)).await.is_none() {
                return;
            }
            let ended = self.pull_from(connection, &consumer, &room).await;
            match &ended {
                Ok(()) | Err(PullError::TooLarge) => self.durable_consumer.pulled(),
                Err(_) => self.durable_consumer.invalidate(),
            }
            let mut pause = BACKOFF.pause(2);
            match ended {
                Ok(()) => return,
                Err(error @ (PullError::MissingHeartbeat | PullError::Refused(_) | PullError::Ended(_))) => {
                    // The consumer is there, but its messages do not come: not ready until they do.
                    warn!(%error, "pull request ended early");
                    self.in_trouble = true;
                    self.readiness.set(Part::Queue, Err(format!("pull messages: {error}")));
                    if matches!(error, PullError::Refused(_)) {
                        pause = LONGEST_PAUSE;
                    }
                }
                Err(PullError::TooLarge) => {
                    self.next_is_large = true;
                    continue;
                }
                // Usual when the server restarts; `consumer` says what is missing, where something is.
                Err(error) => info!(%error, "pull request ended early"),
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// The durable consumer, as soon as it can be reached, and the connection to pull by.
    async fn consumer(&mut self) -> (Connection, PullConsumer) {
        let mut failures = 0;
        loop {
            let not_yet = |reason| {
                self.readiness.set(Part::Queue, Err(reason));
            };
            self.link.connected(not_yet).await;
            let connection = self.pulling.connected(not_yet).await;
            match self.durable_consumer.look().await {
                // What is wrong is said where it was seen.
                Ok(_) if !self.durable_consumer.is_fit() => drop(self.readiness.set(Part::Queue, Ok(()))),
                Ok(consumer) => {
                    self.in_flight.set_ack_wait(consumer.cached_info().config.ack_wait);
                    if !self.in_trouble && self.readiness.set(Part::Queue, Ok(())) {
                        info!(stream = SESSIONS_STREAM, consumer = self.sink, "pulling");
                    }
                    return (connection, consumer);
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
            tokio::time::sleep(BACKOFF.pause(failures).min(LONGEST_PAUSE)).await;
        }
    }

    /// Does what [`Self::take_lost`] does while other messages are being pulled.
    async fn take_more_lost(&mut self, room: &Room, free: &mut OwnedSemaphorePermit) {
        match self.durable_consumer.look().await {
            Ok(consumer) => self.take_lost(&consumer, room, Some(free)).await,
            Err(error) => self.recovery.cannot_look_again(&error.to_string()),
        }
    }

    /// What was on its way when the connection was lost, where the client could not receive it.
    async fn take_lost(
        &mut self,
        consumer: &PullConsumer,
        room: &Room,
        mut free: Option<&mut OwnedSemaphorePermit>,
    ) {
        let messages = StoredMessages::of(self.link.jetstream(), SESSIONS_STREAM).tried_once();
        for (sequence, unsettled) in self.recovery.lost_messages(&messages, consumer, &self.in_flight).await {
            let message = match read_lost(&messages, consumer, sequence).await {
                Ok(Some(message)) => message,
                Ok(None) => continue,
                // Those behind it, too, come again after their `ack_wait`.
                Err(error) => {
                    self.recovery.cannot_look_again(&format!("{error:#}"));
                    break;
                }
            };
            let place = match &mut free {
                Some(free) => free.split(1),
                // The semaphore is never closed.
                None => Arc::clone(&room.places).acquire_owned().await.ok(),
            };
            let mut delivery = self.in_flight.take(message, consumer.cached_info().created, place);
            delivery.unsettled = Some(unsettled);
            self.send(delivery, room).await;
        }
        self.recovery.deliver_others_again(&self.link).await;
    }

    /// Asks for as many messages as there are places, again and again. Ends without an error at the shutdown only.
    async fn pull_from(
        &mut self,
        mut connection: Connection,
        consumer: &PullConsumer,
        room: &Room,
    ) -> Result<(), PullError> {
        let shutdown = self.shutdown.clone();
        let created = consumer.cached_info().created;
        loop {
            let free = async {
                if self.outage.pulling().await == Pulling::OneToTryTheStore {
                    return Arc::clone(&room.places).acquire_owned().await.ok();
                }
                // Some at a time, or a busy sink would ask for every message by itself. And no less than a batch: what the
                // batch before it still holds would be asked for too late to join this one.
                let most = free_places(&room.places, self.places.div_ceil(4).max(self.batch));
                match tokio::time::timeout(LONGEST_WAIT_FOR_PLACES, most).await {
                    Ok(free) => free,
                    Err(_) => free_places(&room.places, 1).await,
                }
            };
            let Some(Some(mut free)) = shutdown.run_until_cancelled(free).await else { return Ok(()) };
            // What is on its way is not counted as in flight: no more than a third of it is asked for at a time.
            let bytes_on_their_way = self.bytes as usize / 3;
            let (messages, bytes) = if std::mem::take(&mut self.next_is_large) {
                (1, None)
            } else if self.recovery.is_one_at_a_time() {
                (1, Some(bytes_on_their_way))
            } else {
                (free.num_permits(), Some(bytes_on_their_way))
            };
            match shutdown.run_until_cancelled(self.durable_consumer.is_still(created)).await {
                None => return Ok(()),
                Some(false) => return Err(PullError::ConsumerDeleted),
                Some(true) if !self.durable_consumer.is_fit() => return Err(PullError::Unfit),
                Some(true) => {}
            }
            let mut pull = Pull::request(&connection.jetstream, consumer, messages, bytes).await?;
            self.durable_consumer.pulling(created);
            loop {
                let message = tokio::select! {
                    message = pull.next() => message,
                    changed = connection.connected.changed() => {
                        // What has arrived already is not lost.
                        while let Some(message) = pull.arrived() {
                            self.hand_over(message, created, &mut free, room).await;
                        }
                        Err(changed.map_or(PullError::Closed, |()| PullError::ConnectionChanged))
                    }
                    () = self.recovery.look_is_due() => {
                        if shutdown.run_until_cancelled(self.take_more_lost(room, &mut free)).await.is_none() {
                            return self.end(pull, created, free, room).await;
                        }
                        continue;
                    }
                    () = shutdown.cancelled() => return self.end(pull, created, free, room).await,
                };
                if let Err(PullError::Closed | PullError::ConnectionChanged) = message {
                    self.recovery.lost_connection(pull.remaining());
                }
                let message = message?;
                if std::mem::take(&mut self.in_trouble) {
                    info!("messages come again");
                    self.readiness.set(Part::Queue, Ok(()));
                }
                let Some(message) = message else { break };
                self.hand_over(message, created, &mut free, room).await;
            }
            self.durable_consumer.pulled();
        }
    }

    /// Takes what is on its way already, so that it need not wait for its next delivery.
    async fn end(
        &self,
        mut pull: Pull,
        created: Created,
        mut free: OwnedSemaphorePermit,
        room: &Room,
    ) -> Result<(), PullError> {
        let rest = async {
            pull.end().await?;
            while let Ok(Some(message)) = pull.next().await {
                self.hand_over(message, created, &mut free, room).await;
            }
            Ok(())
        };
        tokio::time::timeout(LONGEST_END, rest).await.unwrap_or(Ok(()))
    }

    async fn hand_over(
        &self,
        message: Message,
        consumer: Created,
        free: &mut OwnedSemaphorePermit,
        room: &Room,
    ) {
        let read = message.reply.and_then(|reply| Some((read_ack_subject(&reply)?, reply)));
        let Some(((key, deliveries), reply)) = read else {
            return warn!("not a message of a consumer");
        };
        let status = message.status.map(|status| {
            format!("{status} {}", message.description.unwrap_or_default()).trim_end().to_owned()
        });
        let message = Delivered {
            subject: message.subject.to_string(),
            headers: Headers::read_by_client(message.headers, status),
            // As it came, it keeps the whole of the client's read buffer in memory.
            payload: Bytes::copy_from_slice(&message.payload),
            key,
            deliveries,
            reply,
        };
        self.send(self.in_flight.take(message, consumer, free.split(1)), room).await;
    }

    async fn send(&self, mut delivery: Delivery, room: &Room) {
        let size = delivery.message.payload.len();
        let size = u32::try_from(size).unwrap_or(u32::MAX).clamp(1, self.bytes);
        delivery.bytes = match Arc::clone(&room.bytes).try_acquire_many_owned(size) {
            Ok(share) => Some(share),
            Err(_) => {
                self.no_room.notify_one();
                let share = Arc::clone(&room.bytes).acquire_many_owned(size);
                self.shutdown.run_until_cancelled(share).await.and_then(Result::ok)
            }
        };
        if room.pulled_tx.send(delivery).await.is_err() {
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
