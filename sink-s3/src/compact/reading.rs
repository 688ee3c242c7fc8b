//! Reads sessions, several at a time, and hands them on in the order of their keys.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::{Stream, TryStreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::bucket::{Bucket, GetError, Got};
use crate::compact::payload::{LONGEST, Unreadable};
use crate::list::Object;

/// Most that is read and not yet written, KiB.
const READ_AHEAD_KIB: u32 = 48 * 1024;
/// How long one object may take.
const GET_LIMIT: Duration = Duration::from_secs(60);
/// How often an object is asked for, beyond what the SDK repeats, which does not see a body that breaks off.
const TRIES: u32 = 3;

/// A session as it was read.
pub(crate) struct Read {
    /// As it was listed; as it was given, where that is another one by now.
    pub(crate) object: Object,
    pub(crate) bytes: Result<Vec<u8>, Unreadable>,
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

async fn get(bucket: Arc<Bucket>, mut object: Object, room: OwnedSemaphorePermit) -> anyhow::Result<Read> {
    let got = match object.size {
        0..=LONGEST => get_whole(&bucket, &object).await.with_context(|| format!("read {}", object.key))?,
        _ => Err(Unreadable::TooLarge),
    };
    let bytes = got.map(|Got { bytes, etag }| {
        object.size = bytes.len() as u64;
        // In a listing some stores have none.
        if !object.etag.is_empty() {
            object.etag = etag;
        }
        bytes
    });
    Ok(Read { object, bytes, _room: room })
}

/// An object that is listed and not given is asked for again: the answer may be wrong, and the session would be left out.
async fn get_whole(bucket: &Bucket, object: &Object) -> anyhow::Result<Result<Got, Unreadable>> {
    let key = &object.key;
    let mut tried = 0;
    loop {
        tried += 1;
        let error = match timeout(GET_LIMIT, bucket.get(key)).await {
            // Another size with another entity tag is an object that was written since it was listed.
            Ok(Ok(Some(got))) if got.bytes.len() as u64 == object.size || got.etag != object.etag => {
                return Ok(Ok(got));
            }
            Ok(Ok(Some(got))) => GetError::Content(format!(
                "the store gave {} bytes of an object that it lists with {}",
                got.bytes.len(),
                object.size
            )),
            Ok(Ok(None)) if !bucket.lists(key).await? => return Ok(Err(Unreadable::Gone)),
            Ok(Ok(None)) => GetError::Content("the store lists it and says that it is not there".to_owned()),
            Ok(Err(GetError::TooLong)) => return Ok(Err(Unreadable::TooLarge)),
            Ok(Err(error)) => error,
            Err(_) => {
                GetError::Store(format!("no whole object within {}", humantime::format_duration(GET_LIMIT)))
            }
        };
        match error {
            GetError::Content(reason) if tried == TRIES => return Ok(Err(Unreadable::NotGiven(reason))),
            error if tried == TRIES => return Err(error.into()),
            error => warn!(key, "{error:#}; trying again"),
        }
        sleep(Duration::from_secs(1) * tried).await;
    }
}
