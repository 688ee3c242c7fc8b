//! `verify`: the stream against the bucket. Every event of a period has an object with its bytes, and nothing else is there.

use std::collections::HashMap;
use std::pin::pin;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use md5::{Digest as _, Md5};
use schemas::names::archive_folder;
use serde::Serialize;
use service::Nats;
use sink::{Events, Period, Progress, print_line};

use crate::archive::is_gzip_of;
use crate::bucket::{Bucket, GetError};
use crate::bucket_args::BucketArgs;
use crate::gzip::gzip;
use crate::hex::hex;

/// Objects that are read at a time, where the listing does not tell enough.
const READS: usize = 32;

/// Flags of `verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    nats: Nats,
    #[command(flatten)]
    bucket: BucketArgs,
    /// The first day (UTC) in which sessions ended: a date such as 2026-11-01, today, yesterday, or 8-days-ago.
    #[arg(long, value_parser = sink::day)]
    from: NaiveDate,
    /// The last day (UTC), included.
    #[arg(long, value_parser = sink::day)]
    to: NaiveDate,
    /// One JSON object a line: each finding, then the summary.
    #[arg(long)]
    json: bool,
}

/// An object that is not as it should be.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    finding: Kind,
    key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// In the stream, and not in the bucket.
    Missing,
    /// The object holds the bytes of no event with its key.
    Differing,
    /// In the bucket, and not in the stream.
    Surplus,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Differing => "differing",
            Self::Surplus => "surplus",
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Summary {
    events: usize,
    objects: usize,
    missing: usize,
    differing: usize,
    surplus: usize,
    /// Objects of days from which the stream has lost events to its `max_age`: there is nothing to hold them against.
    older_than_the_stream: usize,
}

/// For each key the events that should be there: usually one; the same session published twice is two.
type Expected = HashMap<String, Vec<Published>>;

struct Published {
    sequence: u64,
    /// Entity tag of the object that this program would put.
    md5: [u8; 16],
}

/// Key and entity tag of each object.
type Listed = HashMap<String, String>;

pub(crate) async fn verify(args: VerifyArgs) -> anyhow::Result<()> {
    let period = Period::of_days(args.from, args.to)?;
    let bucket = args.bucket.connect().await?;
    let events = Events::connect(&args.nats, "sink-s3 verify").await?;
    let expected = expected(&events, period, &bucket.prefix).await?;
    let listed = listed(&bucket, period).await?;
    let (mut findings, in_doubt) = compare(&expected, &listed);
    findings.extend(look_closer(&events, &bucket, &expected, in_doubt).await?);
    let (findings, older_than_the_stream) = without_older(findings, events.oldest(), &bucket.prefix);

    let count = |kind| findings.iter().filter(|finding| finding.finding == kind).count();
    let summary = Summary {
        events: expected.values().map(Vec::len).sum(),
        objects: listed.len(),
        missing: count(Kind::Missing),
        differing: count(Kind::Differing),
        surplus: count(Kind::Surplus),
        older_than_the_stream,
    };
    print(&findings, &summary, args.json)?;
    ensure!(
        findings.is_empty(),
        "bucket and stream differ; `sink-s3 replay` writes what is missing or differs, unless it still waits for the sink or is \
         a dead letter"
    );
    Ok(())
}

async fn expected(events: &Events, period: Period, prefix: &str) -> anyhow::Result<Expected> {
    let progress = Progress::new("events", None);
    let mut expected = Expected::new();
    let mut read = pin!(events.ended_in(period).await?);
    while let Some(event) = read.try_next().await? {
        progress.one_more();
        let Ok(decoded) = event.decoded else { continue };
        let key = format!("{prefix}{}", decoded.identity.object_key(&decoded.end_time));
        let md5 = Md5::digest(gzip(&event.payload)).into();
        expected.entry(key).or_default().push(Published { sequence: event.sequence, md5 });
    }
    progress.end();
    Ok(expected)
}

async fn listed(bucket: &Bucket, period: Period) -> anyhow::Result<Listed> {
    let progress = Progress::new("objects", None);
    let mut listed = Listed::new();
    for day in period.days() {
        let mut objects = pin!(bucket.list(format!("{}{}", bucket.prefix, archive_folder(day))));
        while let Some(object) = objects.try_next().await? {
            progress.one_more();
            listed.insert(object.key, object.etag);
        }
    }
    progress.end();
    Ok(listed)
}

/// What the listing tells, and the keys of which the objects have to be read: an entity tag is an MD5 in most stores and
/// with most encryptions, but not in all.
fn compare(expected: &Expected, listed: &Listed) -> (Vec<Finding>, Vec<String>) {
    let (mut findings, mut in_doubt) = (Vec::new(), Vec::new());
    for (key, published) in expected {
        match listed.get(key) {
            None => findings.push(Finding { finding: Kind::Missing, key: key.clone() }),
            Some(etag) if published.iter().any(|event| hex(&event.md5) == *etag) => {}
            Some(_) => in_doubt.push(key.clone()),
        }
    }
    let surplus = listed.keys().filter(|key| !expected.contains_key(*key));
    findings.extend(surplus.map(|key| Finding { finding: Kind::Surplus, key: key.clone() }));
    (findings, in_doubt)
}

/// Reads the objects, and the events that they should be.
async fn look_closer(
    events: &Events,
    bucket: &Bucket,
    expected: &Expected,
    in_doubt: Vec<String>,
) -> anyhow::Result<Vec<Finding>> {
    let finding = |key: String| async move {
        let object = match bucket.get(&key).await {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(Some(Finding { finding: Kind::Missing, key })),
            Err(GetError::TooLong) => return Ok(Some(Finding { finding: Kind::Differing, key })),
            Err(error) => return Err(error).with_context(|| format!("read {key}")),
        };
        for published in expected.get(&key).into_iter().flatten() {
            if is_gzip_of(&object.bytes, &events.get(published.sequence).await?.payload) {
                return anyhow::Ok(None);
            }
        }
        Ok(Some(Finding { finding: Kind::Differing, key }))
    };
    let findings = stream::iter(in_doubt).map(finding).buffer_unordered(READS);
    findings.try_filter_map(async |finding| Ok(finding)).try_collect().await
}

/// Without the surplus of days of which the stream has no longer all events; how many those are.
fn without_older(
    findings: Vec<Finding>,
    oldest: Option<DateTime<Utc>>,
    prefix: &str,
) -> (Vec<Finding>, usize) {
    let complete_from = oldest.map(|oldest| format!("{prefix}{}", archive_folder(oldest.date_naive())));
    let is_older = |finding: &Finding| {
        // Folders sort by their days; the oldest event's own day has lost some already.
        let newer = complete_from
            .as_deref()
            .is_some_and(|folder| finding.key.as_str() > folder && !finding.key.starts_with(folder));
        finding.finding == Kind::Surplus && !newer
    };
    let (older, mut findings): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_older);
    findings.sort_by(|one, other| one.key.cmp(&other.key));
    (findings, older.len())
}

fn print(findings: &[Finding], summary: &Summary, json: bool) -> anyhow::Result<()> {
    for finding in findings {
        if json {
            print_line(&serde_json::to_string(finding)?)?;
        } else {
            print_line(&format!("{}\t{}", finding.finding.name(), finding.key))?;
        }
    }
    if json {
        return print_line(&serde_json::to_string(summary)?);
    }
    print_line(&format!(
        "{} events, {} objects: {} missing, {} differing, {} surplus, {} older than the stream",
        summary.events,
        summary.objects,
        summary.missing,
        summary.differing,
        summary.surplus,
        summary.older_than_the_stream
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(finding: Kind, key: &str) -> Finding {
        Finding { finding, key: key.to_owned() }
    }

    #[test]
    fn the_listing_tells_what_is_missing_surplus_or_in_doubt() {
        let published = |byte| vec![Published { sequence: 1, md5: [byte; 16] }];
        let expected = Expected::from([
            ("same".to_owned(), published(0xaa)),
            ("doubt".to_owned(), published(0xbb)),
            ("missing".to_owned(), published(0xcc)),
        ]);
        let listed = Listed::from(
            [("same", "aa".repeat(16)), ("doubt", "abc-2".to_owned()), ("surplus", "dd".repeat(16))]
                .map(|(key, etag)| (key.to_owned(), etag)),
        );
        let (mut findings, in_doubt) = compare(&expected, &listed);
        findings.sort_by(|one, other| one.key.cmp(&other.key));
        assert_eq!(findings, [finding(Kind::Missing, "missing"), finding(Kind::Surplus, "surplus")]);
        assert_eq!(in_doubt, ["doubt"]);
    }

    #[test]
    fn what_the_stream_has_lost_is_no_surplus() {
        let key = |day| format!("v/sessions/year=2026/month=11/day={day}/x.json.gz");
        let findings = ["01", "02", "03"].map(|day| finding(Kind::Surplus, &key(day)));
        let missing = finding(Kind::Missing, &key("01"));
        let all = findings.into_iter().chain([missing]).collect::<Vec<_>>();
        let oldest = "2026-11-02T08:00:00Z".parse().ok();
        let (left, older) = without_older(all, oldest, "v/");
        assert_eq!(left, [finding(Kind::Missing, &key("01")), finding(Kind::Surplus, &key("03"))]);
        assert_eq!(older, 2);
    }
}
