use std::pin::pin;
use std::sync::Arc;

use anyhow::anyhow;
use futures::stream::{Stream, TryStreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::bucket::Bucket;
use crate::compact::day::Day;
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
    day: Day,
    force: bool,
    max_in_flight: usize,
    shutdown: &CancellationToken,
) -> anyhow::Result<Outcome> {
    let (folder, key) = (day.sessions(&bucket.prefix), day.parquet_file(&bucket.prefix));
    let listing = summarize(sessions(Arc::clone(bucket), folder.clone())).await?;
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
    let sessions = sessions(Arc::clone(bucket), folder);
    let reading = read(Arc::clone(bucket), sessions, max_in_flight);
    let progress = progress(day, &listing);
    let written = tokio::select! {
        written = write(reading, &mut upload, &progress) => written,
        () = shutdown.cancelled() => Err(anyhow!("told to stop")),
    };
    progress.finish_and_clear();
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
    progress: &ProgressBar,
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
        progress.inc(chunk.len() as u64);
        block_in_place(|| chunk.into_iter().try_for_each(|read| add(&mut file, read, &mut counts)))?;
        while let Some(part) = file.take_part(PART) {
            upload.part(part).await?;
        }
    }
    let rest = block_in_place(|| file.finish())?;
    counts.bytes_out = upload.finish(rest).await?;
    Ok(counts)
}

fn add(file: &mut ParquetFile, read: Read, counts: &mut Counts) -> anyhow::Result<()> {
    counts.bytes_in += read.size;
    let added = match &read.object {
        Ok(object) => file.push(&read.key, object)?,
        Err(unreadable) => Err(unreadable.clone()),
    };
    match added {
        Ok(()) => counts.sessions += 1,
        Err(unreadable) => {
            error!(object.key = read.key, reason = %unreadable, "this object holds no session and is left out");
            counts.skipped += 1;
        }
    }
    Ok(())
}

/// On a terminal only.
fn progress(day: Day, listing: &Summary) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {human_pos}/{human_len} {per_sec} {eta} left");
    let progress = ProgressBar::new(listing.objects).with_prefix(day.to_string());
    // The template is the one above, which is well formed.
    progress.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
