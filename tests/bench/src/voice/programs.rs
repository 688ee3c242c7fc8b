//! The programs of a row, on the stack's addresses.

use anyhow::Result;
use test_servers::{Program, Signal};
use tests::environment::program;
use tests::stack::Stack;

use super::agent_log::RUST_LOG;

/// Places for calls: more than are needed.
const CAPACITY: &str = "500";

/// Has the speech and language services answer at once, always the same.
pub(super) async fn can_answers(stack: &mut Stack) -> Result<()> {
    stack.openai.stop(Signal::Terminate)?;
    let base_url = stack.environment.get("STT_BASE_URL")?;
    let address = base_url.trim_start_matches("http://").trim_end_matches("/v1");
    let arguments = ["--canned", "--listen", address];
    let log = stack.folder.path().join("openai-canned.log");
    stack.openai = Program::new(program("openai-simulator")?, &arguments, &stack.environment, log);
    stack.openai.start()?;
    let url = base_url.replace("/v1", "/healthz");
    tests::wait_for("the canned services", std::time::Duration::from_secs(30), || async {
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
