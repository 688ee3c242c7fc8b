//! One pull request of a durable consumer, made by hand: the client's own batches lose their wake-up on a heartbeat, and
//! its continuous stream reads ahead of what a paused sink can hold.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::{HeaderMap, Message, StatusCode, Subscriber};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::json;
use service::{JetStream, Refusal};

use crate::streams::ack_subject::is_ack_subject;

/// How long the server keeps a request that it has no messages for.
const EXPIRES: Duration = Duration::from_secs(10);
/// Bytes of subjects and headers that the server counts besides the payload.
const ENVELOPE: usize = 64 * 1024;
/// How often the server says that it still has the request; two that stay out end it.
const HEARTBEAT: Duration = Duration::from_millis(2_500);

/// Of messages that do not come any more, how many there are.
const PENDING_MESSAGES: &str = "Nats-Pending-Messages";

/// Messages on their way. Dropping it ends the request.
pub(crate) struct Pull {
    subscriber: Subscriber,
    refusal: BoxFuture<'static, Refusal>,
    remaining: usize,
    /// A message has come.
    served: bool,
    /// The server has no more for the request than what is on its way.
    is_done: bool,
}

/// Why a request ended otherwise than by its messages or its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    #[error("no heartbeat from the server")]
    MissingHeartbeat,
    #[error(transparent)]
    Refused(Refusal),
    #[error("the durable consumer was deleted")]
    ConsumerDeleted,
    #[error("the durable consumer is not as it must be")]
    Unfit,
    #[error("nothing answers for the durable consumer")]
    NoResponders,
    #[error("the next message is larger than what was asked for")]
    TooLarge,
    #[error("the server ended the request: {0}")]
    Ended(String),
    #[error("the connection was lost, or is new")]
    ConnectionChanged,
    #[error("the connection is closed")]
    Closed,
    #[error("request messages: {0}")]
    Request(String),
}

impl Pull {
    /// Asks for up to `messages` messages of `bytes` together, at least one of the largest that the server takes; or, without
    /// `bytes`, for messages of any size, as the server may have taken larger ones before.
    pub(crate) async fn request(
        jetstream: &JetStream,
        consumer: &PullConsumer,
        messages: usize,
        bytes: Option<usize>,
    ) -> Result<Self, PullError> {
        let client = jetstream.client();
        let mut request = json!({
            "batch": messages,
            "expires": u64::try_from(EXPIRES.as_nanos()).unwrap_or(u64::MAX),
            "idle_heartbeat": u64::try_from(HEARTBEAT.as_nanos()).unwrap_or(u64::MAX),
        });
        if let Some(bytes) = bytes {
            request["max_bytes"] = bytes.max(client.max_payload() + ENVELOPE).into();
        }
        let info = consumer.cached_info();
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", info.stream_name, info.name);
        let refusal = jetstream.refusal(&subject).boxed();
        let inbox = client.new_inbox();
        let failed = |error: &dyn std::fmt::Display| PullError::Request(error.to_string());
        let subscriber = client.subscribe(inbox.clone()).await.map_err(|error| failed(&error))?;
        client
            .publish_with_reply(subject, inbox, request.to_string().into())
            .await
            .map_err(|error| failed(&error))?;
        Ok(Self { subscriber, refusal, remaining: messages, served: false, is_done: false })
    }

    /// Ends the request; what is already on its way still comes, then [`PullError::Closed`].
    pub(crate) async fn end(&mut self) -> Result<(), PullError> {
        self.subscriber.drain().await.map_err(|_| PullError::Closed)
    }

    /// How many messages may still come.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining
    }

    /// The next message, where it has arrived already.
    pub(crate) fn arrived(&mut self) -> Option<Message> {
        self.next().now_or_never()?.ok()?
    }

    /// The next message; `None` when the request is used up. It can be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, PullError> {
        while self.remaining > 0 {
            let message = tokio::select! {
                biased;
                message = self.subscriber.next() => message.ok_or(PullError::Closed)?,
                refusal = &mut self.refusal => return Err(PullError::Refused(refusal)),
                () = tokio::time::sleep(HEARTBEAT * 2) => {
                    return if self.is_done { Ok(None) } else { Err(PullError::MissingHeartbeat) };
                }
            };
            // A publisher can make a message that looks like an answer of the server's, but not where it is acknowledged.
            if message.reply.as_ref().is_some_and(|reply| is_ack_subject(reply)) {
                self.remaining -= 1;
                self.served = true;
                return Ok(Some(message));
            }
            let description = message.description.unwrap_or_default();
            match message.status {
                // Nobody's: neither a consumer's message nor an answer.
                None | Some(StatusCode::IDLE_HEARTBEAT) => {}
                Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => return Ok(None),
                Some(StatusCode::NO_RESPONDERS) => return Err(PullError::NoResponders),
                // The servers of a cluster say this at once, and send a message when they agree that it was delivered.
                _ if description.eq_ignore_ascii_case("batch completed") => self.is_done = true,
                _ if description.eq_ignore_ascii_case("message size exceeds maxbytes") => {
                    self.is_done = true;
                    self.remaining = self.remaining.saturating_sub(pending(message.headers.as_ref()));
                    // After others, it is for the next request.
                    if self.remaining == 0 && !self.served {
                        return Err(PullError::TooLarge);
                    }
                }
                _ if description.eq_ignore_ascii_case("consumer deleted") => {
                    return Err(PullError::ConsumerDeleted);
                }
                Some(status) => return Err(PullError::Ended(format!("{status} {description}"))),
            }
        }
        Ok(None)
    }
}

/// Where a server does not say it, all.
fn pending(headers: Option<&HeaderMap>) -> usize {
    let told = headers.and_then(|headers| headers.get(PENDING_MESSAGES)?.as_str().parse().ok());
    told.unwrap_or(usize::MAX)
}
