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
use crate::compact::listing::{Summary, Summing, sessions, summarize};
use crate::compact::outcome::{Counts, Outcome};
use crate::compact::parquet_file::ParquetFile;
use crate::compact::payload::Unreadable;
use crate::compact::reading::{Read, read};
use crate::compact::stored::{Contents, Decision, Stored, decide, metadata};
use crate::compact::upload::{Condition, PART, Upload};

/// Most objects that are unpacked before others have a turn on the thread.
const AT_A_TIME: usize = 64;
/// How often a day is begun anew because something changed meanwhile.
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
    let mut last = Again::Overtaken;
    for _ in 0..TRIES {
        let compacting = try_day(bucket, &key, day, force, max_concurrent_reads);
        let outcome = tokio::select! {
            outcome = compacting => outcome?,
            () = shutdown.cancelled() => bail!("told to stop"),
        };
        last = match outcome {
            Ok(outcome) => return Ok(outcome),
            Err(again) => again,
        };
        info!(key, "{}; the day is compacted once more", last.what());
    }
    bail!("{key}: {}, again and again: {}", last.what(), last.todo())
}

/// Why a day is begun anew.
#[derive(Debug, Clone, Copy)]
enum Again {
    /// The file may hold what this program does not know.
    Overtaken,
    /// Objects were listed, and not listed any more when they were to be read.
    FewerListed,
}

impl Again {
    fn what(self) -> &'static str {
        match self {
            Self::Overtaken => "another program wrote this file meanwhile",
            Self::FewerListed => "the store listed fewer objects of this day a moment later",
        }
    }

    fn todo(self) -> &'static str {
        match self {
            Self::Overtaken => "run one compaction of a day at a time",
            Self::FewerListed => "look at the store, and at what is between here and it",
        }
    }
}

async fn try_day(
    bucket: &Arc<Bucket>,
    key: &str,
    day: NaiveDate,
    force: bool,
    max_concurrent_reads: usize,
) -> anyhow::Result<Result<Outcome, Again>> {
    let listing = summarize(sessions(bucket, day)).await?;
    let stored = Stored::look_up(bucket, key).await?;
    let former = stored.as_ref().map(|Stored { bytes, etag, .. }| Former {
        bucket: Arc::clone(bucket),
        key: key.to_owned(),
        bytes: *bytes,
        etag: etag.clone(),
    });
    let merges = match (decide(stored.as_ref(), &listing, force), &stored, &former) {
        (Decision::Nothing, ..) => return Ok(Ok(Outcome::Empty)),
        (Decision::Leave, Some(stored), Some(former)) => match unchanged(stored, former, &listing).await {
            Ok(Some(outcome)) => return Ok(Ok(outcome)),
            Ok(None) => true,
            Err(error) => return or_refused(error),
        },
        (decision, ..) => decision == Decision::Merge,
    };
    let condition = Condition::of(stored.as_ref().map(|stored| stored.etag.as_str()));
    let mut upload = Upload::new(Arc::clone(bucket), key.to_owned(), metadata(&listing), condition);
    let former = former.filter(|_| merges);
    let reading = read(Arc::clone(bucket), sessions(bucket, day), max_concurrent_reads);
    let progress = Progress::new("sessions", Some(listing.objects));
    let written = write(reading, &listing, former.as_ref(), &mut upload, &progress).await;
    progress.end();
    if !matches!(written, Ok(Ok(_))) {
        upload.abort().await;
    }
    match written {
        Ok(counts) => Ok(counts.map(Outcome::Written)),
        Err(WriteError::Former(error)) => or_refused(error),
        Err(WriteError::Other(error)) => Err(error),
    }
}

/// None where the file there lacks some sessions of the listing that it is marked with.
async fn unchanged(
    stored: &Stored,
    former: &Former,
    listing: &Summary,
) -> Result<Option<Outcome>, FormerError> {
    let metadata = former.metadata().await?;
    let contents = stored.contents(&metadata);
    let contents = match listing.objects {
        0 => Contents { kept: contents.sessions, skipped: 0, ..contents },
        _ if !stored.is_whole(&metadata) => return Ok(None),
        _ => contents,
    };
    let counts = Counts { contents, bytes_in: listing.bytes, bytes_out: stored.bytes, ..Counts::default() };
    Ok(Some(Outcome::Unchanged(counts)))
}

/// A file that cannot be read may hold sessions that stand nowhere else, so it stays.
fn or_refused(error: FormerError) -> anyhow::Result<Result<Outcome, Again>> {
    match error {
        FormerError::Unreadable(reason) => Ok(Ok(Outcome::Refused { reason })),
        FormerError::Overtaken => Ok(Err(Again::Overtaken)),
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

/// What was read so far.
#[derive(Default)]
struct Tally {
    counts: Counts,
    /// Objects, whether they could be read or not.
    listed: u64,
    /// Those of which the file has what can be had.
    read: Summing,
}

/// The sessions of the objects, and then those of the former file that are not among them.
async fn write(
    reading: impl Stream<Item = anyhow::Result<Read>>,
    listing: &Summary,
    former: Option<&Former>,
    upload: &mut Upload,
    progress: &Progress,
) -> Result<Result<Counts, Again>, WriteError> {
    let mut file = ParquetFile::new()?;
    let mut tally = Tally::default();
    let mut written = Keys::default();
    let mut reading = pin!(reading.try_ready_chunks(AT_A_TIME));
    while let Some(chunk) = reading.try_next().await.map_err(|failed| failed.1)? {
        block_in_place(|| {
            chunk.into_iter().try_for_each(|read| {
                if add(&mut file, &read, &mut tally, progress)? && former.is_some() {
                    written.add(&read.object.key);
                }
                anyhow::Ok(())
            })
        })?;
        send_parts(&mut file, upload).await?;
    }
    if tally.listed < listing.objects {
        return Ok(Err(Again::FewerListed));
    }
    let Tally { mut counts, read, .. } = tally;
    if let Some(former) = former {
        let mut rows = pin!(former.rows_beside(&written.sorted()).await?.ready_chunks(AT_A_TIME));
        while let Some(chunk) = rows.next().await {
            block_in_place(|| chunk.into_iter().try_for_each(|row| keep(&mut file, &row?, &mut counts)))?;
            send_parts(&mut file, upload).await?;
        }
    }
    let rest = block_in_place(|| file.finish(counts.contents.notes(read.finish().digest)))?;
    let bytes_out = upload.finish(rest).await?;
    Ok(bytes_out.map(|bytes_out| Counts { bytes_out, ..counts }).ok_or(Again::Overtaken))
}

async fn send_parts(file: &mut ParquetFile, upload: &mut Upload) -> anyhow::Result<()> {
    while let Some(part) = file.take_part(PART) {
        upload.part(part).await?;
    }
    Ok(())
}

/// Adds the session of an object; whether there is one.
fn add(file: &mut ParquetFile, read: &Read, tally: &mut Tally, progress: &Progress) -> anyhow::Result<bool> {
    progress.one_more();
    let Tally { counts, listed, read: summing } = tally;
    let object = &read.object;
    let key = &object.key;
    let added = match &read.bytes {
        Ok(bytes) => file.push(key, bytes)?,
        Err(unreadable) => Err(unreadable.clone()),
    };
    *listed += 1;
    counts.bytes_in += object.size;
    match &added {
        Ok(()) => counts.contents.sessions += 1,
        Err(Unreadable::Gone) => progress.above(|| info!(object.key = key, "{}", Unreadable::Gone)),
        Err(Unreadable::NotGiven(reason)) => {
            progress.above(|| {
                error!(object.key = key, "this object could not be read and is left out: {reason}")
            });
            counts.not_given += 1;
        }
        Err(unreadable) => {
            progress.above(|| {
                error!(object.key = key, "this object holds no session and is left out: {unreadable}")
            });
            counts.contents.skipped += 1;
        }
    }
    if !matches!(added, Err(Unreadable::Gone | Unreadable::NotGiven(_))) {
        summing.add(object);
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
