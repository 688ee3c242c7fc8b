//! Looks at what is there at the end.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::facts::{DeadLetter, Facts, Job, Lead, Object};
use super::fault::Part;
use super::queue;
use super::stage::{Stage, second_spool, spool};
use crate::archive::Archive;
use crate::leads::Leads;
use crate::stack::service::log;

const PAUSE: Duration = Duration::from_secs(1);
/// For how long nothing may be left: an agent that was told nothing is left may be about to write.
const CALM: Duration = Duration::from_secs(5);

/// Waits until nothing is on its way any more; what is left after the limit.
pub(super) async fn drained(stage: &mut Stage, limit: Duration) -> Result<Vec<String>> {
    let started = Instant::now();
    let mut calm_since = None;
    loop {
        stage.supervise()?;
        let left = left(stage).await;
        let calm = *calm_since.get_or_insert_with(Instant::now);
        if !left.is_empty() {
            calm_since = None;
        } else if calm.elapsed() >= CALM {
            return Ok(left);
        }
        if started.elapsed() > limit && !left.is_empty() {
            return Ok(left);
        }
        sleep(PAUSE).await;
    }
}

/// What has not come to its end, a sentence each.
async fn left(stage: &Stage) -> Vec<String> {
    let mut left = match queue::unsettled(&stage.environment).await {
        Ok(unsettled) => unsettled,
        Err(error) => vec![format!("nobody knows what the sinks have settled: {error:#}")],
    };
    for (worker, spool) in [("agent", spool(&stage.folder)), ("agent-2", second_spool(&stage.folder))] {
        for part in ["journal", "outbox", "unreadable"] {
            let count = std::fs::read_dir(spool.join(part)).map_or(0, Iterator::count);
            if count > 0 {
                left.push(format!("{worker} has {count} files in {part}"));
            }
        }
    }
    left
}

/// All but what callers did and which faults happened.
pub(super) async fn collect(stage: &Stage, left: Vec<String>) -> Result<Facts> {
    let logs = ["agent", "agent-2", "web", "sink-s3", "sink-salesforce"].map(|name| log(&stage.folder, name));
    let lines: Vec<Value> = logs.iter().flat_map(|log| lines(log)).collect();
    let processes = stage.parts.iter().filter(|(part, _)| is_ours(**part)).map(|(_, process)| process);
    let ended = processes.chain([&stage.second_worker]).flat_map(|process| process.ended.clone());
    let mut dead_letters = Vec::new();
    for part in [Part::SinkS3, Part::SinkSalesforce] {
        let sink = stage.parts.get(&part).context("find a sink")?;
        let listed = sink.program.run(&["dead-letters", "list", "--json"])?;
        dead_letters.extend(listed.lines().map(|letter| {
            DeadLetter {
                sink: part.to_string(),
                error: letter.to_owned(),
                session: serde_json::from_str::<Value>(letter)
                    .ok()
                    .and_then(|letter| letter["session_id"].as_str().map(str::to_owned)),
            }
        }));
    }
    Ok(Facts {
        jobs: lines.iter().filter_map(begun).collect(),
        objects: objects(stage).await?,
        leads: leads(stage).await?,
        dead_letters,
        left,
        failed: ended.chain(lines.iter().filter_map(panicked)).collect(),
        ..Facts::default()
    })
}

fn is_ours(part: Part) -> bool {
    matches!(part, Part::Agent | Part::Web | Part::SinkS3 | Part::SinkSalesforce)
}

async fn objects(stage: &Stage) -> Result<Vec<Object>> {
    let archive = Archive::open(&stage.environment)?;
    let mut objects = Vec::new();
    for (key, stored) in archive.list().await? {
        let payload = archive.read(&key).await?.payload;
        objects.push(Object { key, stored, payload });
    }
    Ok(objects)
}

async fn leads(stage: &Stage) -> Result<Vec<Lead>> {
    let leads = Leads::open(&stage.environment)?.all().await?;
    let lead = |lead: &Value| {
        let text = |name: &str| lead[name].as_str().map(str::to_owned);
        Some(Lead {
            email: text("Email")?,
            session: text("Last_Voice_Session__c"),
            ended: text("Last_Voice_Call_Date__c"),
        })
    };
    Ok(leads.iter().filter_map(lead).collect())
}

/// What a program logged; a line that it could not finish is left out.
fn lines(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The agent joins a room when the journal is on its disk.
fn begun(line: &Value) -> Option<Job> {
    let of_session = |name: &str| line["span"][name].as_str().map(str::to_owned);
    (line["message"] == "joined the room")
        .then(|| Some(Job { room: of_session("session.id")?, job_id: of_session("job.id")? }))?
}

fn panicked(line: &Value) -> Option<String> {
    (line["message"] == "panic").then(|| format!("a panic at {}", line["place"]))
}
