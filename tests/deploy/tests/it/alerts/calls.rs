//! Who calls, and sessions that somebody else publishes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::{HeaderMap, jetstream};
use chrono::{TimeDelta, Utc};
use schemas::names::{SESSION_ENDED_V1, header};
use schemas::timestamp;
use serde_json::{Value, json};
use tests::caller::{Caller, ConnectionDetails};
use tests::environment::Environment;
use tests::nats;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Longer than anything takes on a machine whose cores are all busy.
const LIMIT: Duration = Duration::from_secs(60);
/// In a loop of calls nobody waits for longer: the fault may be that no agent comes.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two calls, and between two texts.
const PAUSE: Duration = Duration::from_millis(1_500);
/// How long somebody says nothing after a sentence: the answer is heard to its end.
const QUIET: Duration = Duration::from_secs(8);

/// What somebody does in a call, beside staying for a moment.
#[derive(Debug, Clone)]
pub(super) enum Talk {
    Nothing,
    /// Types something.
    Types,
    /// Types what has the model call the persona's tool, of which the simulated model, at this address, has to be told.
    WantsTheTool(String),
}

/// Calls one after the other.
pub(super) struct Calls {
    end: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Calls {
    pub(super) fn begin(environment: &Environment, email: &str, talk: Talk) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let (environment, email, ended) = (environment.clone(), email.to_owned(), Arc::clone(&end));
        let task = tokio::spawn(async move {
            while !ended.load(Ordering::SeqCst) {
                // What fails is the fault's doing.
                drop(call(&environment, &email, &talk).await);
                sleep(PAUSE).await;
            }
        });
        Self { end, task }
    }

    /// Returns when the last one has ended.
    pub(super) async fn end(self) -> Result<()> {
        self.end.store(true, Ordering::SeqCst);
        self.task.await.context("end the calls")
    }
}

async fn call(environment: &Environment, email: &str, talk: &Talk) -> Result<()> {
    let details = ConnectionDetails::request(environment, email).await?;
    let mut caller = Caller::join_without_microphone(environment, &details).await?;
    let talked = converse(&mut caller, talk).await;
    caller.hang_up().await?;
    talked
}

async fn converse(caller: &mut Caller, talk: &Talk) -> Result<()> {
    caller.wait_for_agent(PATIENCE).await?;
    sleep(PAUSE).await;
    if matches!(talk, Talk::Nothing) {
        return Ok(());
    }
    for _ in 0..3 {
        if let Talk::WantsTheTool(simulator) = talk {
            let text = json!({ "look_up_order": { "number": 7 } }).to_string();
            let faults = json!([{ "endpoint": "chat", "kind": "call", "text": text }]);
            change(reqwest::Client::new().put(format!("{simulator}/simulator/faults")).json(&faults)).await?;
        }
        caller.say("Hello?").await?;
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Asks a simulator to be otherwise.
pub(super) async fn change(request: reqwest::RequestBuilder) -> Result<()> {
    request.send().await.context("ask a simulator")?.error_for_status().context("ask a simulator")?;
    Ok(())
}

/// Somebody who is in a call with an agent, and says nothing.
pub(super) async fn in_a_call(environment: &Environment, email: &str) -> Result<Caller> {
    let details = ConnectionDetails::request(environment, email).await?;
    let mut caller = Caller::join_without_microphone(environment, &details).await?;
    caller.wait_for_agent(LIMIT).await?;
    Ok(caller)
}

/// Somebody who says the same sentence again and again.
pub(super) async fn speaker(environment: &Environment, email: &str, sentence: &Path) -> Result<Caller> {
    let details = ConnectionDetails::request(environment, email).await?;
    let mut caller = Caller::join_saying(environment, &details, sentence, QUIET).await?;
    caller.wait_for_agent(LIMIT).await?;
    Ok(caller)
}

/// Publishes sessions that end at this moment, one for each address.
pub(super) async fn publish_sessions(environment: &Environment, emails: &[String]) -> Result<()> {
    let (now, first) = (Utc::now(), Utc::now().timestamp_micros());
    let session = |number: usize, email: &String| {
        let (began, ended) = (timestamp::format(&(now - TimeDelta::seconds(30))), timestamp::format(&now));
        let metadata = json!({ "user_email": email, "session_start": began });
        let session: Value = json!({
            "session_id": format!("bulk_{first}_{number}"), "job_id": "AJ_bulk", "user_email": email,
            "user_metadata": metadata, "start_time": began, "end_time": ended, "duration_seconds": 30.0,
            "discovered_signals": { "qualification_tier": "warm", "team_size": 12 }, "tool_calls": [],
            "metrics_summary": {},
        });
        session.to_string()
    };
    let sessions = emails.iter().enumerate().map(|(number, email)| session(number, email));
    publish(environment, sessions.collect()).await
}

/// Publishes what is no session.
pub(super) async fn publish_garbage(environment: &Environment, count: usize) -> Result<()> {
    publish(environment, (0..count).map(|number| format!("this is no session: {number}")).collect()).await
}

async fn publish(environment: &Environment, payloads: Vec<String>) -> Result<()> {
    let jetstream = jetstream::new(nats::connect(environment).await?);
    let mut acks = Vec::new();
    for (number, payload) in payloads.into_iter().enumerate() {
        let mut headers = HeaderMap::new();
        headers.insert(header::MESSAGE_ID, format!("{}-{number}", Utc::now().timestamp_micros()));
        let sent = jetstream.publish_with_headers(SESSION_ENDED_V1, headers, payload.into());
        acks.push(sent.await.context("publish a session")?);
    }
    for ack in acks {
        ack.await.context("wait for JetStream's ack")?;
    }
    Ok(())
}
