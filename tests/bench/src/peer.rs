//! The peer: the same job done by a worker on the Python livekit-agents framework.

use std::time::Duration;

use anyhow::{Context, Result};
use test_servers::{Program, Signal, tool, workspace};
use tests::stack::Stack;
use tests::wait_for;

/// Stops our agent and starts the Python worker under the same name, on the same servers.
pub(crate) async fn replace_agent(stack: &mut Stack) -> Result<Program> {
    replace_agent_with(stack, "peer_worker.py").await
}

/// The same with another worker of the framework's.
pub(crate) async fn replace_agent_with(stack: &mut Stack, script: &str) -> Result<Program> {
    stack.agent.stop(Signal::Terminate)?;
    let script = workspace().join("tests/python").join(script);
    let mut environment = stack.environment.clone();
    environment
        .set("PEER_HTTP_PORT", stack.environment.get("AGENT_HTTP")?.rsplit(':').next().unwrap_or_default());
    let mut peer = Program::new(
        tool("peers/bin/python"),
        &[&script.to_string_lossy(), "start"],
        &environment,
        stack.folder.path().join("peer.log"),
    );
    peer.start()?;
    let url = format!("http://{}/", stack.environment.get("AGENT_HTTP")?);
    let client = reqwest::Client::new();
    wait_for("the Python worker to register", Duration::from_secs(60), || async {
        Ok(client.get(&url).send().await?.status().is_success().then_some(()))
    })
    .await
    .with_context(|| format!("its log:\n{}", peer.log()))?;
    // It answers before its idle processes have started.
    tokio::time::sleep(Duration::from_secs(8)).await;
    Ok(peer)
}
