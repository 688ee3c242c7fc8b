//! The compaction of one day: what there is, whether it changed, and the file that is made of it.

use std::pin::pin;
use std::sync::Arc;

use anyhow::bail;
use chrono::NaiveDate;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use schemas::names::archive_folder;
use sink::Progress;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::bucket::Bucket;
use crate::compact::former::{Former, FormerError, FormerRow, Keys};
use crate::compact::listing::{Summary, sessions, summarize};
use crate::compact::outcome::{Counts, Outcome};
use crate::compact::parquet_file::ParquetFile;
use crate::compact::payload::Unreadable;
use crate::compact::reading::{Read, read};
use crate::compact::stored::{Contents, Decision, Stored, decide, metadata};
use crate::compact::upload::{Condition, PART, Upload};

/// Most objects that are unpacked before others have a turn on the thread.
const AT_A_TIME: usize = 64;
/// How often a day is begun anew because another program wrote its file meanwhile.
const TRIES: u32 = 5;

/// Compacts one day. Its sessions are listed twice, first to see whether anything changed: a list of all of them would not
/// fit into little memory.
pub(crate) async fn compact_day(
    bucket: &Arc<Bucket>,
    day: NaiveDate,
    force: bool,
    max_concurrent_reads: usize,
    shutdown: &CancellationToken,
) -> anyhow::Result<Outcome> {
    let key = file_of(&bucket.prefix, day);
    for _ in 0..TRIES {
        let compacting = try_day(bucket, &key, day, force, max_concurrent_reads);
        let outcome = tokio::select! {
            outcome = compacting => outcome?,
            () = shutdown.cancelled() => bail!("told to stop"),
        };
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
        info!(key, "another program wrote this file meanwhile; the day is compacted once more");
    }
    bail!("other programs write {key} again and again: run one compaction of a day at a time")
}

/// None where another program wrote the file meanwhile, which may then hold what this one does not know.
async fn try_day(
    bucket: &Arc<Bucket>,
    key: &str,
    day: NaiveDate,
    force: bool,
    max_concurrent_reads: usize,
) -> anyhow::Result<Option<Outcome>> {
    let listing = summarize(sessions(bucket, day)).await?;
    let stored = Stored::look_up(bucket, key).await?;
    let decision = decide(stored.as_ref(), &listing, force);
    let former = stored.as_ref().map(|Stored { bytes, etag, .. }| Former {
        bucket: Arc::clone(bucket),
        key: key.to_owned(),
        bytes: *bytes,
        etag: etag.clone(),
    });
    let mut upload = match (decision, &stored, &former) {
        (Decision::Leave, Some(stored), Some(former)) => return unchanged(stored, former, &listing).await,
        (Decision::Nothing, ..) => return Ok(Some(Outcome::Empty)),
        (_, stored, _) => {
            let condition = Condition::of(stored.as_ref().map(|stored| stored.etag.as_deref()));
            Upload::new(Arc::clone(bucket), key.to_owned(), metadata(&listing), condition)
        }
    };
    let former = former.filter(|_| decision == Decision::Merge);
    let reading = read(Arc::clone(bucket), sessions(bucket, day), max_concurrent_reads);
    let progress = Progress::new("sessions", Some(listing.objects));
    let written = write(reading, former.as_ref(), &mut upload, &progress).await;
    progress.end();
    if !matches!(written, Ok(Some(_))) {
        upload.abort().await;
    }
    match written {
        Ok(counts) => Ok(counts.map(Outcome::Written)),
        Err(WriteError::Former(error)) => or_refused(error),
        Err(WriteError::Other(error)) => Err(error),
    }
}

async fn unchanged(stored: &Stored, former: &Former, listing: &Summary) -> anyhow::Result<Option<Outcome>> {
    let contents = match former.metadata().await {
        Ok(metadata) => stored.contents(&metadata),
        Err(error) => return or_refused(error),
    };
    let contents = match listing.objects {
        0 => Contents { kept: contents.sessions, skipped: 0, ..contents },
        _ => contents,
    };
    let counts = Counts { contents, bytes_in: listing.bytes, bytes_out: stored.bytes };
    Ok(Some(Outcome::Unchanged(counts)))
}

/// A file that cannot be read may hold sessions that stand nowhere else, so it stays.
fn or_refused(error: FormerError) -> anyhow::Result<Option<Outcome>> {
    match error {
        FormerError::Unreadable(reason) => Ok(Some(Outcome::Refused { reason })),
        FormerError::Overtaken => Ok(None),
        FormerError::Store(error) => Err(error),
    }
}

/// Why a file was not written.
enum WriteError {
    Former(FormerError),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for WriteError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<FormerError> for WriteError {
    fn from(error: FormerError) -> Self {
        Self::Former(error)
    }
}

/// The sessions of the objects, and then those of the former file that are not among them.
async fn write(
    reading: impl Stream<Item = anyhow::Result<Read>>,
    former: Option<&Former>,
    upload: &mut Upload,
    progress: &Progress,
) -> Result<Option<Counts>, WriteError> {
    let mut file = ParquetFile::new()?;
    let mut counts = Counts::default();
    let mut written = Keys::default();
    let mut reading = pin!(reading.try_ready_chunks(AT_A_TIME));
    while let Some(chunk) = reading.try_next().await.map_err(|failed| failed.1)? {
        block_in_place(|| {
            chunk.into_iter().try_for_each(|read| {
                if add(&mut file, &read, &mut counts, progress)? && former.is_some() {
                    written.add(&read.key);
                }
                anyhow::Ok(())
            })
        })?;
        send_parts(&mut file, upload).await?;
    }
    if let Some(former) = former {
        let mut rows = pin!(former.rows_beside(&written.sorted()).await?.ready_chunks(AT_A_TIME));
        while let Some(chunk) = rows.next().await {
            block_in_place(|| chunk.into_iter().try_for_each(|row| keep(&mut file, &row?, &mut counts)))?;
            send_parts(&mut file, upload).await?;
        }
    }
    let rest = block_in_place(|| file.finish(counts.contents.notes()))?;
    Ok(upload.finish(rest).await?.map(|bytes_out| Counts { bytes_out, ..counts }))
}

async fn send_parts(file: &mut ParquetFile, upload: &mut Upload) -> anyhow::Result<()> {
    while let Some(part) = file.take_part(PART) {
        upload.part(part).await?;
    }
    Ok(())
}

/// Adds the session of an object; whether there is one.
fn add(
    file: &mut ParquetFile,
    read: &Read,
    counts: &mut Counts,
    progress: &Progress,
) -> anyhow::Result<bool> {
    progress.one_more();
    counts.bytes_in += read.size;
    let added = match &read.object {
        Ok(object) => file.push(&read.key, object)?,
        Err(unreadable) => Err(unreadable.clone()),
    };
    let key = &read.key;
    match &added {
        Ok(()) => counts.contents.sessions += 1,
        Err(Unreadable::Gone) => progress.above(|| info!(object.key = key, "{}", Unreadable::Gone)),
        Err(unreadable) => {
            progress.above(|| {
                error!(object.key = key, "this object holds no session and is left out: {unreadable}")
            });
            counts.contents.skipped += 1;
        }
    }
    Ok(added.is_ok())
}

/// Keeps a row whose object is gone.
fn keep(file: &mut ParquetFile, row: &FormerRow, counts: &mut Counts) -> Result<(), WriteError> {
    let kept = file.push_payload(&row.object_key, row.payload.as_bytes())?;
    kept.map_err(|unreadable| {
        FormerError::Unreadable(format!("its row of {} holds no session: {unreadable}", row.object_key))
    })?;
    counts.contents.sessions += 1;
    counts.contents.kept += 1;
    Ok(())
}

/// Key of a day's Parquet file.
fn file_of(prefix: &str, day: NaiveDate) -> String {
    let folder = archive_folder(day).replacen("sessions/", "sessions-parquet/", 1);
    format!("{prefix}{folder}sessions.parquet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_days_file_is_in_the_day() {
        let file = file_of("voice/", "2025-01-09".parse().unwrap());
        assert_eq!(file, "voice/sessions-parquet/year=2025/month=01/day=09/sessions.parquet");
    }
}
