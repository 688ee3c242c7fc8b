//! Compaction: the sessions of a UTC day, an object each, become one Parquet file with a row each.
//!
//! A day is always computed anew from what is there, so sessions that came late are in the next file. Where an object is gone,
//! the row that the former file has of it is kept: it may be the only place that still has that session. Where nothing
//! changed, nothing is written. A file appears as a whole or not at all. Sessions are read and written as a stream: of each,
//! memory holds 16 bytes.

mod compact_day;
mod former;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod listing;
mod outcome;
mod parquet_file;
mod payload;
mod reading;
mod rows;
mod stored;
mod structs;
mod transcript;
mod upload;
mod values;

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use chrono::NaiveDate;
use sink::{Period, print_line};

use crate::bucket_args::BucketArgs;
use crate::compact::compact_day::compact_day;
pub(crate) use crate::compact::rows::schema;

/// Version of the files' columns; another one makes all of them anew.
const FORMAT: u32 = 3;

#[derive(Debug, Clone, clap::Args)]
pub struct CompactArgs {
    #[command(flatten)]
    bucket: BucketArgs,
    /// UTC day to compact: a date such as 2025-10-29, today, yesterday, or 8-days-ago.
    #[arg(long, value_parser = sink::day, required_unless_present = "from", conflicts_with = "from")]
    day: Option<NaiveDate>,
    /// First day to compact.
    #[arg(long, value_parser = sink::day, requires = "to")]
    from: Option<NaiveDate>,
    /// Last day to compact.
    #[arg(long, value_parser = sink::day, requires = "from")]
    to: Option<NaiveDate>,
    /// Computes a day anew even where nothing changed, from its objects alone: sessions whose objects are gone are then no
    /// longer in its file.
    #[arg(long)]
    force: bool,
    /// Prints a JSON object for each day.
    #[arg(long)]
    json: bool,
    /// Objects that are read at a time.
    #[arg(long, env = "S3_MAX_CONCURRENT_READS", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    max_concurrent_reads: u16,
}

/// Compacts the days, one after the other, and prints a line for each.
///
/// # Errors
/// At once where the store fails; in the end where some objects hold no session or could not be read, or a day was left as it
/// is.
pub(crate) async fn compact(args: CompactArgs) -> anyhow::Result<()> {
    let period = period(&args)?;
    let shutdown = service::shutdown_on_signal()?;
    let bucket = Arc::new(args.bucket.connect().await?);
    let (mut skipped, mut not_given, mut refused) = (0, 0, 0);
    for day in period.days() {
        let compacting = compact_day(&bucket, day, args.force, args.max_concurrent_reads.into(), &shutdown);
        let outcome = compacting.await.with_context(|| format!("compact {day}"))?;
        let line = if args.json { outcome.json(day).to_string() } else { outcome.sentence(day) };
        print_line(&line)?;
        skipped += outcome.skipped();
        not_given += outcome.not_given();
        refused += u64::from(outcome.is_refused());
    }
    let faults = [
        (skipped, "objects that hold no session and are in no file"),
        (not_given, "objects that could not be read, and are looked for when their day is compacted again"),
        (refused, "days that were left as they are, because their file cannot be read"),
    ];
    let faults: Vec<_> = faults.iter().filter(|(count, _)| *count > 0).collect();
    let faults: Vec<_> = faults.iter().map(|(count, what)| format!("{what}: {count}")).collect();
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

fn period(args: &CompactArgs) -> anyhow::Result<Period> {
    let first = args.day.or(args.from).context("name a day")?;
    let last = args.day.or(args.to).context("name the last day")?;
    Period::of_days(first, last)
}
