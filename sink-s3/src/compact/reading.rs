//! Reads sessions, several at a time, and hands them on in the order of their keys.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures::{Stream, TryStreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::bucket::{Bucket, Object};
use crate::compact::payload::{LONGEST, Unreadable};

/// Most that is read and not yet written, KiB.
const READ_AHEAD_KIB: u32 = 48 * 1024;
/// How long one object may take.
const GET_LIMIT: Duration = Duration::from_secs(60);
/// How often an object is asked for, beyond what the SDK repeats, which does not see a body that breaks off.
const TRIES: u32 = 3;

/// A session as it was read.
pub(crate) struct Read {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) object: Result<Vec<u8>, Unreadable>,
    /// Its share of what may be read ahead.
    _room: OwnedSemaphorePermit,
}

pub(crate) fn read(
    bucket: Arc<Bucket>,
    sessions: impl Stream<Item = anyhow::Result<Object>>,
    max_concurrent_reads: usize,
) -> impl Stream<Item = anyhow::Result<Read>> {
    let room = Arc::new(Semaphore::new(READ_AHEAD_KIB as usize));
    sessions
        // Room is given in the order of the keys, so the first one that is waited for always has some.
        .and_then(move |object| {
            let kib = u32::try_from(object.size / 1024 + 1).unwrap_or(u32::MAX).min(READ_AHEAD_KIB);
            let room = Arc::clone(&room).acquire_many_owned(kib);
            async move { Ok((object, room.await.context("wait for room")?)) }
        })
        .map_ok(move |(object, room)| {
            // A task of its own goes on while what was read before is being written.
            let reading = AbortOnDropHandle::new(tokio::spawn(get(Arc::clone(&bucket), object, room)));
            async move { reading.await.context("read a session")? }
        })
        .try_buffered(max_concurrent_reads)
}

async fn get(bucket: Arc<Bucket>, object: Object, room: OwnedSemaphorePermit) -> anyhow::Result<Read> {
    let Object { key, size, .. } = object;
    let object = if size > LONGEST {
        Err(Unreadable::TooLarge)
    } else {
        let object = get_whole(&bucket, &key).await.with_context(|| format!("read {key}"))?;
        object.ok_or(Unreadable::Gone)
    };
    Ok(Read { key, size, object, _room: room })
}

/// None where it was removed since it was listed.
async fn get_whole(bucket: &Bucket, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let mut tried = 0;
    loop {
        tried += 1;
        let error = match timeout(GET_LIMIT, bucket.get(key)).await {
            Ok(Ok(object)) => return Ok(object),
            Ok(Err(error)) => anyhow!(error),
            Err(_) => anyhow!("no whole object within {}", humantime::format_duration(GET_LIMIT)),
        };
        if tried == TRIES {
            return Err(error);
        }
        warn!(key, "{error:#}; trying again");
        sleep(Duration::from_secs(1) * tried).await;
    }
}
