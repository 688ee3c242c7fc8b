//! What is asked of nats-server with an operator's rights, not through a proxy.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream::{self, stream};
use schemas::names;
use tokio::time::timeout;

use super::fault::Part;
use crate::environment::Environment;
use crate::stack::service::NATS_NAMES;
use crate::{nats, wait_for};

const LIMIT: Duration = Duration::from_secs(5);
/// Longest that the servers of a cluster have been seen to take to find each other, several times over.
const CLUSTER_LIMIT: Duration = Duration::from_secs(60);

/// Waits until the servers of a cluster have found each other: before that none makes a stream.
pub(super) async fn clustered(environment: &Environment) -> Result<()> {
    wait_for("the cluster to answer", CLUSTER_LIMIT, || async {
        let asked = async {
            let jetstream = jetstream::new(nats::connect(environment).await?);
            jetstream.query_account().await.context("ask for the account")
        };
        timeout(LIMIT, asked).await.context("wait for nats-server")?.map(Some)
    })
    .await
    .map(drop)
}

/// Which server of a cluster leads the stream of sessions; none while nobody answers, or none does.
pub(super) async fn leader(environment: &Environment) -> Option<Part> {
    let asked = async {
        let jetstream = jetstream::new(nats::connect(environment).await.ok()?);
        let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.ok()?;
        stream.cached_info().cluster.as_ref()?.leader.clone()
    };
    let leader = timeout(LIMIT, asked).await.ok()??;
    Part::NATS.into_iter().zip(NATS_NAMES).find(|(_, name)| *name == leader).map(|(part, _)| part)
}

/// What a stream has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// For nothing more; an empty one for a single message, as none cannot be said.
    None,
    /// For as much as its other limits let it take.
    AsConfigured,
}

/// Changes what a stream has room for.
///
/// # Errors
/// nats-server does not answer, or does not have the stream.
pub async fn limit_stream(environment: &Environment, stream: &str, room: Room) -> Result<()> {
    let limited = async {
        let jetstream = jetstream::new(nats::connect(environment).await?);
        let stream = jetstream.get_stream(stream).await.context("look up the stream")?;
        let info = stream.cached_info();
        let messages = i64::try_from(info.state.messages).unwrap_or(i64::MAX).max(1);
        let max_messages = if room == Room::None { messages } else { -1 };
        let config = stream::Config { max_messages, ..info.config.clone() };
        jetstream.update_stream(config).await.context("change the stream")?;
        Ok(())
    };
    timeout(LIMIT, limited).await.context("wait for nats-server")?
}

/// What the sinks have not settled, a sentence each.
///
/// # Errors
/// nats-server does not answer.
pub async fn unsettled(environment: &Environment) -> Result<Vec<String>> {
    let asked = async {
        let jetstream = jetstream::new(nats::connect(environment).await?);
        let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.context("look up the stream")?;
        let last = stream.cached_info().state.last_sequence;
        let mut unsettled = Vec::new();
        for sink in ["sink-s3", "sink-salesforce"] {
            let consumer = stream.consumer_info(sink).await.context("look up a consumer")?;
            let settled = consumer.ack_floor.stream_sequence;
            if settled != last || consumer.num_pending > 0 || consumer.num_ack_pending > 0 {
                unsettled.push(format!("{sink} has settled {settled} of {last} messages"));
            }
        }
        Ok(unsettled)
    };
    timeout(LIMIT, asked).await.context("wait for nats-server")?
}
