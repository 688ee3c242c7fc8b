//! The stream that every sink drains, and how far a drain is.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use async_nats::HeaderMap;
use async_nats::datetime::{add_std_duration, now};
use async_nats::jetstream::consumer::{Config, Consumer};
use async_nats::jetstream::{self, Context, stream::Stream};
use futures::{StreamExt as _, TryStreamExt as _};
use schemas::names::{SESSION_ENDED_V1, SESSIONS_STREAM, header};
use tokio::time::{Instant, sleep};

use crate::payloads::Payloads;

/// Publishes whose acks are awaited at the same time.
const PUBLISHES: usize = 256;
/// Longer than any drain.
const PAUSE: Duration = Duration::from_secs(3_600);
const POLL: Duration = Duration::from_millis(10);

pub(crate) struct Queue {
    jetstream: Context,
    stream: Stream,
    /// Name of the durable consumer.
    sink: &'static str,
    /// The durable consumer as the sink's setup makes it.
    config: Config,
    sessions: u64,
}

/// Where the consumer stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) acked: u64,
    /// Each delivery of a message counts.
    pub(crate) deliveries: u64,
    pub(crate) in_flight: u64,
    waiting_requests: usize,
}

impl Queue {
    /// After the setup of the sink.
    pub(crate) async fn open(url: &str, sink: &'static str) -> Result<Self> {
        let client = async_nats::connect(url).await.context("connect to nats-server")?;
        let jetstream = jetstream::new(client);
        let stream = jetstream.get_stream(SESSIONS_STREAM).await.context("find the stream")?;
        let consumer: Consumer<Config> = stream
            .get_consumer(sink)
            .await
            .map_err(anyhow::Error::from_boxed)
            .context("find the consumer")?;
        let config = consumer.cached_info().config.clone();
        Ok(Self { jetstream, stream, sink, config, sessions: 0 })
    }

    /// Empties the stream and publishes the payloads with these numbers. Answers with how many it was each second.
    ///
    /// A purged stream still refuses what it had within its duplicate window: a number can be published once.
    pub(crate) async fn fill(&mut self, payloads: Payloads, numbers: Range<usize>) -> Result<f64> {
        self.stream.purge().await.context("purge the stream")?;
        self.sessions = numbers.len() as u64;
        let started = Instant::now();
        let published = futures::stream::iter(numbers)
            .map(|number| self.publish(payloads, number))
            .buffer_unordered(PUBLISHES);
        published.try_for_each(|()| std::future::ready(Ok(()))).await?;
        Ok(self.sessions as f64 / started.elapsed().as_secs_f64())
    }

    /// Publishes one payload.
    pub(crate) async fn publish(&self, payloads: Payloads, number: usize) -> Result<()> {
        let mut headers = HeaderMap::new();
        headers.insert(header::MESSAGE_ID, payloads.message_id(number).as_str());
        let payload = payloads.payload(number).into();
        let ack = self.jetstream.publish_with_headers(SESSION_ENDED_V1, headers, payload).await;
        let ack = ack.context("publish")?.await.context("await the stream's ack")?;
        ensure!(!ack.duplicate, "the stream had payload {number} already");
        Ok(())
    }

    /// What each of them takes in the stream, with its subject and headers.
    pub(crate) async fn bytes_each(&self) -> Result<f64> {
        let info = self.stream.get_info().await.context("look at the stream")?;
        Ok(info.state.bytes as f64 / self.sessions as f64)
    }

    /// That the stream was filled with.
    pub(crate) fn sessions(&self) -> u64 {
        self.sessions
    }

    /// Puts a new consumer before the first message. It delivers nothing before [`Self::resume`].
    pub(crate) async fn rewind(&self, ack_wait: Option<Duration>) -> Result<()> {
        self.stream.delete_consumer(self.sink).await.context("delete the consumer")?;
        let mut config = self.config.clone();
        config.ack_wait = ack_wait.unwrap_or(config.ack_wait);
        let until = add_std_duration(now(), PAUSE).map_err(anyhow::Error::from_boxed)?;
        config.pause_until = Some(until);
        self.stream.create_consumer(config).await.context("create the consumer")?;
        Ok(())
    }

    pub(crate) async fn resume(&self) -> Result<()> {
        self.stream.resume_consumer(self.sink).await.context("resume the consumer").map(drop)
    }

    pub(crate) async fn progress(&self) -> Result<Progress> {
        let info = self.stream.consumer_info(self.sink).await.context("look at the consumer")?;
        let in_flight = info.num_ack_pending as u64;
        Ok(Progress {
            acked: self.sessions.saturating_sub(info.num_pending + in_flight),
            deliveries: info.delivered.consumer_sequence,
            in_flight,
            waiting_requests: info.num_waiting,
        })
    }

    /// Waits until so many have asked for messages.
    pub(crate) async fn until_asked_by(&self, consumers: usize, limit: Duration) -> Result<()> {
        let asked = |progress: Progress| progress.waiting_requests >= consumers;
        self.until("messages are asked for", limit, asked).await.map(drop)
    }

    /// Waits until the first message is delivered. A consumer that was resumed notices so with its next request or heartbeat.
    pub(crate) async fn until_delivered(&self, limit: Duration) -> Result<Progress> {
        self.until("messages are delivered", limit, |progress| progress.deliveries > 0).await
    }

    /// Waits until so many messages are acked.
    pub(crate) async fn until_acked(&self, sessions: u64, limit: Duration) -> Result<Progress> {
        self.until("messages are acked", limit, |progress| progress.acked >= sessions).await
    }

    async fn until(&self, what: &str, limit: Duration, is_so: impl Fn(Progress) -> bool) -> Result<Progress> {
        let started = Instant::now();
        loop {
            let progress = self.progress().await?;
            if is_so(progress) {
                return Ok(progress);
            }
            if started.elapsed() > limit {
                bail!("waited {limit:?} until {what}: {progress:?}");
            }
            sleep(POLL).await;
        }
    }
}
