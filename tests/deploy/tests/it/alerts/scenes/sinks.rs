//! What happens to sessions that are published.

use std::time::Duration;

use anyhow::{Context as _, Result};
use schemas::names::DEAD_LETTERS_STREAM;
use serde_json::json;
use tests::chaos::fault::{Fault, Link};
use tests::chaos::queue::{Room, limit_stream};
use tokio::time::{Instant, sleep, sleep_until};

use crate::alerts::calls::{Calls, Talk, publish_garbage, publish_sessions};
use crate::alerts::run::Run;

pub(super) const OF_STORES: [&str; 9] = [
    "PostcallSinkPaused",
    "PostcallSinkNotReady",
    "PostcallSinkWritesNothing",
    "PostcallSinkLags",
    "PostcallSinkBacklog",
    "PostcallS3Errors",
    "PostcallSalesforceErrors",
    "PostcallArchiveSlow",
    "PostcallSalesforceSlow",
];
pub(super) const OF_DEAD_LETTERS: [&str; 2] = ["PostcallDeadLetters", "PostcallDeadLettersRefused"];

/// More than may be in flight at a sink, and a thousand.
const MANY: usize = 1_600;
/// A session is promised to be in Salesforce within a minute.
const LATE: Duration = Duration::from_secs(62);
/// Calls of the org's API after which a further one is a small share of all.
const CALLS: f64 = 40.0;

pub(super) async fn both_stores_are_away(run: &mut Run) -> Result<()> {
    // The others tell what goes on, the last two that it was not as promised.
    let (while_away, promises) = OF_STORES.split_at(OF_STORES.len() - 2);
    run.about_to("S3 and Salesforce are away for a minute, and 1,600 sessions wait", &OF_STORES)?;
    let stores = [Link::S3, Link::Salesforce];
    let mut away = Vec::new();
    for store in stores {
        away.push((run.begin(Fault::Down(store)).await?, Fault::Down(store)));
    }
    let late = Instant::now() + LATE;
    let calls = Calls::begin(&run.stage.environment, &run.people[0], Talk::Nothing);
    let strangers: Vec<_> = (0..MANY).map(|number| format!("stranger-{number}@company.example")).collect();
    publish_sessions(&run.stage.environment, &strangers).await?;
    run.fire(while_away).await?;
    calls.end().await?;
    sleep_until(late).await;
    // What has waited is written piece by piece.
    let mut slow = Vec::new();
    for store in stores {
        slow.push((run.begin(Fault::Slow(store)).await?, Fault::Slow(store)));
    }
    for (number, fault) in away {
        run.end(number, fault).await?;
    }
    run.mended(while_away)?;
    run.fire(promises).await?;
    for (number, fault) in slow {
        run.end(number, fault).await?;
    }
    run.mended(promises)?;
    run.settled().await?;
    run.stop(while_away).await
}

pub(super) async fn the_org_has_few_calls_left(run: &mut Run) -> Result<()> {
    let alerts = ["PostcallSalesforceApiUsed"];
    let session = [run.people[0].clone()];
    let used = loop {
        publish_sessions(&run.stage.environment, &session).await?;
        sleep(Duration::from_secs(1)).await;
        let used = run.value("max(postcall_salesforce_api_used)").context("find the org's calls")?;
        if used >= CALLS {
            break used;
        }
    };
    run.about_to("83 % of the org's calls of the day are used", &alerts)?;
    run.change_org(json!({ "daily_api_calls": (used * 1.2) as u64 })).await?;
    publish_sessions(&run.stage.environment, &session).await?;
    run.fire(&alerts).await?;
    run.change_org(json!({ "daily_api_calls": 100_000 })).await?;
    publish_sessions(&run.stage.environment, &session).await?;
    run.mended(&alerts)?;
    run.stop(&alerts).await
}

pub(super) async fn records_are_locked(run: &mut Run) -> Result<()> {
    let alerts = ["PostcallRedeliveries"];
    run.about_to("every second update finds its record locked", &alerts)?;
    run.stage.simulate(&json!({ "locked_rows": { "share": 0.5 } })).await?;
    for round in 0.. {
        if run.have_fired(&alerts)? {
            break;
        }
        let people = run.people.iter().cycle().skip(4 * round).take(4).cloned();
        publish_sessions(&run.stage.environment, &people.collect::<Vec<_>>()).await?;
        sleep(Duration::from_secs(1)).await;
    }
    run.fire(&alerts).await?;
    run.stage.simulate(&json!({ "locked_rows": 0 })).await?;
    run.mended(&alerts)?;
    run.stop(&alerts).await
}

pub(super) async fn dead_letters_find_no_room(run: &mut Run) -> Result<()> {
    let [stored, refused] = OF_DEAD_LETTERS;
    run.about_to("three messages are no sessions, and the stream has room for one dead letter", &[refused])?;
    run.about_to("three messages are no sessions", &[stored])?;
    limit_stream(&run.stage.environment, DEAD_LETTERS_STREAM, Room::None).await?;
    publish_garbage(&run.stage.environment, 3).await?;
    run.fire(&[stored, refused]).await?;
    limit_stream(&run.stage.environment, DEAD_LETTERS_STREAM, Room::AsConfigured).await?;
    run.mended(&[refused])?;
    run.stop(&[refused]).await?;
    // A letter that is dropped before its message is settled comes back.
    run.settled().await?;
    for sink in ["sink-s3", "sink-salesforce"] {
        run.operator(sink)?.run(&["dead-letters", "drop", "--all"])?;
    }
    run.mended(&[stored])?;
    run.stop(&[stored]).await
}
