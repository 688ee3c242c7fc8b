//! The callers: each asks for a token, joins, talks with the agent for a while and leaves, and notes what it did and saw.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Utc;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::facts::{Confirmed, Try};
use super::schedule::PlannedCall;
use crate::caller::{Caller, ConnectionDetails};
use crate::conversation;
use crate::environment::Environment;

/// Who gets no agent tries again, so often in all.
const TRIES: usize = 6;
const BEFORE_NEXT_TRY: Duration = Duration::from_secs(3);
/// Limits of what a caller waits for. A step that takes longer is no violation: the caller goes on as people do.
const TOKEN_LIMIT: Duration = Duration::from_secs(20);
const JOIN_LIMIT: Duration = Duration::from_secs(40);
const AGENT_LIMIT: Duration = Duration::from_secs(20);
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
const LEAVE_LIMIT: Duration = Duration::from_secs(15);

/// Places the calls, each at its time, but no more than so many at a time. In the order of their tries.
pub(super) async fn place(
    environment: Arc<Environment>,
    planned: Vec<PlannedCall>,
    at_a_time: usize,
) -> Vec<Try> {
    let (started, places) = (Instant::now(), Arc::new(Semaphore::new(at_a_time)));
    let mut calls = JoinSet::new();
    for (number, planned) in planned.into_iter().enumerate() {
        sleep_until(started + planned.at).await;
        let place = Arc::clone(&places).acquire_owned().await;
        let environment = Arc::clone(&environment);
        calls.spawn(async move {
            let _place = place;
            call(environment, number, &planned).await
        });
    }
    let mut tries = calls.join_all().await.concat();
    tries.sort_by_key(|one| one.asked);
    tries
}

async fn call(environment: Arc<Environment>, number: usize, planned: &PlannedCall) -> Vec<Try> {
    let mut tries = Vec::new();
    loop {
        let one = attempt(&environment, number, planned).await;
        let answered = !one.jobs.is_empty();
        tries.push(one);
        if answered || tries.len() == TRIES {
            return tries;
        }
        sleep(BEFORE_NEXT_TRY).await;
    }
}

async fn attempt(environment: &Arc<Environment>, number: usize, planned: &PlannedCall) -> Try {
    let mut one = Try {
        call: number,
        email: planned.email.clone(),
        room: None,
        asked: Utc::now(),
        joined: None,
        jobs: Vec::new(),
        confirmed: Vec::new(),
        spoke: planned.speaks,
        left: None,
        trouble: None,
    };
    if let Err(error) = go_through(environment, planned, &mut one).await {
        one.trouble = Some(format!("{error:#}"));
    }
    one
}

/// What goes well is noted, however it ends.
async fn go_through(environment: &Arc<Environment>, planned: &PlannedCall, one: &mut Try) -> Result<()> {
    let details = timeout(TOKEN_LIMIT, ConnectionDetails::request(environment, &planned.email));
    let details = details.await.context("wait for a token")??;
    one.room = Some(details.room_name.clone());
    let mut caller = join(environment, details, planned.speaks).await?;
    one.joined = Some(Utc::now());
    let talked = talk(&mut caller, planned, one).await;
    note_jobs(&caller, one);
    one.left = Some(Utc::now());
    let leaving = leave(caller).await;
    talked.and(leaving)
}

/// A connection that comes too late is closed when it comes: nobody would hold it.
async fn join(environment: &Arc<Environment>, details: ConnectionDetails, speaks: bool) -> Result<Caller> {
    let environment = Arc::clone(environment);
    let mut joining: JoinHandle<Result<Caller>> = tokio::spawn(async move {
        match speaks {
            true => Caller::join(&environment, &details).await,
            false => Caller::join_without_microphone(&environment, &details).await,
        }
    });
    match timeout(JOIN_LIMIT, &mut joining).await {
        Ok(joined) => joined.context("join")?,
        Err(late) => {
            tokio::spawn(async move {
                if let Ok(Ok(caller)) = joining.await {
                    drop(caller.hang_up().await);
                }
            });
            Err(late).context("wait to be let in")
        }
    }
}

async fn talk(caller: &mut Caller, planned: &PlannedCall, one: &mut Try) -> Result<()> {
    caller.wait_for_agent(AGENT_LIMIT).await?;
    note_jobs(caller, one);
    if !planned.speaks && planned.answers > 0 {
        caller.wait_until_heard(ANSWER_LIMIT).await?;
        let said = conversation::lines();
        // The next question shows that an answer was read.
        let confirmed_by = conversation::lines().skip(1);
        for (line, next) in said.zip(confirmed_by).take(planned.answers) {
            caller.say(line.text).await?;
            caller.wait_for_words(next.question, ANSWER_LIMIT).await?;
            one.confirmed.push(Confirmed { text: line.text.to_owned(), at: Utc::now() });
        }
    }
    sleep(planned.stays).await;
    Ok(())
}

fn note_jobs(caller: &Caller, one: &mut Try) {
    for job_id in caller.jobs() {
        if !one.jobs.contains(&job_id) {
            one.jobs.push(job_id);
        }
    }
}

/// The connection is closed even where that takes longer than the caller waits.
async fn leave(caller: Caller) -> Result<()> {
    let leaving = tokio::spawn(caller.hang_up());
    timeout(LEAVE_LIMIT, leaving).await.context("wait to have left")?.context("leave")?
}
