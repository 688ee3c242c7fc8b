//! The programs of a row, on the stack's addresses.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use test_servers::{Program, Signal};
use tests::caller::ConnectionDetails;
use tests::environment::program;
use tests::stack::Stack;
use tests::stack::service::simulators_environment;

use super::agent_log::RUST_LOG;
use super::callers::Setup;
use crate::host::{Host, copy_of_this};
use crate::recording::Recording;

/// Places for calls: more than are needed.
const CAPACITY: &str = "500";

/// Has the speech and language services answer at once, always the same.
pub(super) async fn can_answers(stack: &mut Stack) -> Result<()> {
    stack.openai.stop(Signal::Terminate)?;
    let base_url = stack.environment.get("OPENAI_SIMULATOR_URL")?;
    let address = base_url.trim_start_matches("http://").trim_end_matches("/v1");
    let arguments = ["--canned", "--listen", address];
    let log = stack.folder.path().join("openai-canned.log");
    let environment = simulators_environment(&stack.environment);
    stack.openai = Program::new(program("openai-simulator")?, &arguments, &environment, log);
    stack.openai.start()?;
    let url = base_url.replace("/v1", "/healthz");
    tests::wait_for("the canned services", Duration::from_secs(30), || async {
        Ok(reqwest::get(&url).await?.status().is_success().then_some(()))
    })
    .await
}

/// Stops the agent that there was, and starts one that has held no call.
pub(super) async fn fresh_agent(stack: &mut Stack, name: &str) -> Result<()> {
    stack.agent.stop(Signal::Terminate)?;
    let mut environment = stack.environment.clone();
    environment.set("AGENT_CAPACITY", CAPACITY);
    environment.set("LOG_FORMAT", "json");
    environment.set("RUST_LOG", RUST_LOG);
    let log = stack.folder.path().join(format!("{name}.log"));
    stack.agent = Program::new(program("agent")?, &["start"], &environment, log);
    stack.agent.start()?;
    stack.agent_ready().await
}

/// Has all three services spoken to in this protocol.
pub(super) fn speak_to(stack: &mut Stack, protocol: &str) -> Result<()> {
    let environment = &mut stack.environment;
    let url = environment.get("OPENAI_SIMULATOR_URL")?.to_owned();
    let key = environment.get("OPENAI_SIMULATOR_API_KEY")?.to_owned();
    for prefix in ["STT", "LLM", "TTS"] {
        environment.set(&format!("{prefix}_BASE_URL"), &url);
        environment.set(&format!("{prefix}_API_KEY"), &key);
        environment.set(&format!("{prefix}_PROTOCOL"), protocol);
    }
    Ok(())
}

/// Callers who are in the middle of their conversations, each in a room of its own.
pub(super) async fn start_callers(stack: &Stack, callers: Callers<'_>) -> Result<Host> {
    let metadata = json!({ "user_email": "test@company.com" }).to_string();
    let token = |index| {
        let room = format!("{}-{index}", callers.rooms);
        Ok(ConnectionDetails::sign(&stack.environment, &room, Some(&metadata))?.participant_token)
    };
    let setup = Setup {
        url: stack.environment.get("LIVEKIT_URL")?.to_owned(),
        tokens: (0..callers.count).map(token).collect::<Result<_>>()?,
        sentence: callers.sentence.clone(),
        pause: callers.pause,
        answers: callers.answers,
    };
    let folder = stack.folder.path();
    let command = copy_of_this("callers", folder, "voice-callers")?;
    let mut host = Host::start(command, folder.join("callers.log"), &setup).await?;
    host.ready().await.context("start the conversations")?;
    Ok(host)
}

pub(super) struct Callers<'a> {
    /// What the names of their rooms begin with; a name is used once.
    pub(super) rooms: &'a str,
    pub(super) count: usize,
    pub(super) sentence: &'a Recording,
    /// How long a caller is silent after an answer.
    pub(super) pause: Duration,
    /// Whether the agent speaks at all.
    pub(super) answers: bool,
}
