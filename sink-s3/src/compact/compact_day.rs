use std::pin::pin;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use chrono::NaiveDate;
use futures::{Stream, TryStreamExt as _};
use schemas::names::archive_folder;
use sink::Progress;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::bucket::Bucket;
use crate::compact::listing::{Summary, sessions, summarize};
use crate::compact::outcome::{Counts, Outcome};
use crate::compact::parquet_file::ParquetFile;
use crate::compact::reading::{Read, read};
use crate::compact::stored::{Decision, Stored, metadata, rows};
use crate::compact::upload::{PART, Upload};

/// Most objects that are unpacked before others have a turn on the thread.
const AT_A_TIME: usize = 64;

/// Compacts one day. Its sessions are listed twice, first to see whether anything changed: a list of all of them would not
/// fit into little memory.
pub(crate) async fn compact_day(
    bucket: &Arc<Bucket>,
    day: NaiveDate,
    force: bool,
    max_in_flight: usize,
    shutdown: &CancellationToken,
) -> anyhow::Result<Outcome> {
    let key = file_of(&bucket.prefix, day);
    let listing = tokio::select! {
        listing = summarize(sessions(bucket, day)) => listing?,
        () = shutdown.cancelled() => bail!("told to stop"),
    };
    if listing.objects == 0 {
        return Ok(Outcome::Empty);
    }
    if let Some(stored) = Stored::look_up(bucket, &key).await?
        && !force
    {
        match stored.decide(&listing) {
            Decision::Leave => return unchanged(bucket, &key, &listing, &stored).await,
            Decision::Refuse { objects } => return Ok(Outcome::Refused { objects, left: listing.objects }),
            Decision::Write => {}
        }
    }
    let mut upload = Upload::new(Arc::clone(bucket), key, metadata(&listing));
    let reading = read(Arc::clone(bucket), sessions(bucket, day), max_in_flight);
    let progress = Progress::new("sessions", Some(listing.objects));
    let written = tokio::select! {
        written = write(reading, &mut upload, &progress) => written,
        () = shutdown.cancelled() => Err(anyhow!("told to stop")),
    };
    progress.end();
    match written {
        Ok(counts) => Ok(Outcome::Written(counts)),
        Err(error) => {
            upload.abort().await;
            Err(error)
        }
    }
}

async fn unchanged(
    bucket: &Bucket,
    key: &str,
    listing: &Summary,
    stored: &Stored,
) -> anyhow::Result<Outcome> {
    let sessions = rows(bucket, key).await?;
    let skipped = listing.objects.saturating_sub(sessions);
    Ok(Outcome::Unchanged(Counts { sessions, skipped, bytes_in: listing.bytes, bytes_out: stored.bytes }))
}

async fn write(
    reading: impl Stream<Item = anyhow::Result<Read>>,
    upload: &mut Upload,
    progress: &Progress,
) -> anyhow::Result<Counts> {
    let mut file = ParquetFile::new()?;
    let mut counts = Counts { sessions: 0, skipped: 0, bytes_in: 0, bytes_out: 0 };
    let mut reading = pin!(reading.try_ready_chunks(AT_A_TIME));
    loop {
        let chunk = match reading.try_next().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(failed) => return Err(failed.1),
        };
        block_in_place(|| {
            chunk.into_iter().try_for_each(|read| add(&mut file, read, &mut counts, progress))
        })?;
        while let Some(part) = file.take_part(PART) {
            upload.part(part).await?;
        }
    }
    let rest = block_in_place(|| file.finish())?;
    counts.bytes_out = upload.finish(rest).await?;
    Ok(counts)
}

fn add(file: &mut ParquetFile, read: Read, counts: &mut Counts, progress: &Progress) -> anyhow::Result<()> {
    progress.one_more();
    counts.bytes_in += read.size;
    let added = match &read.object {
        Ok(object) => file.push(&read.key, object)?,
        Err(unreadable) => Err(unreadable.clone()),
    };
    match added {
        Ok(()) => counts.sessions += 1,
        Err(unreadable) => {
            let key = &read.key;
            progress.above(|| {
                error!(object.key = key, "this object holds no session and is left out: {unreadable}")
            });
            counts.skipped += 1;
        }
    }
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
