//! What hears, thinks, speaks and does something for a call.

use std::time::Duration;

use anyhow::Result;
use tests::chaos::fault::{Fault, Part};
use tokio::time::sleep;

use crate::alerts::calls::{Calls, Talk, speaker};
use crate::alerts::run::{Run, first_token_after};
use crate::alerts::tool_server::ToolServer;

pub(super) const OF_SERVICES: [&str; 2] = ["PostcallServiceDown", "PostcallServiceErrors"];

/// How long the model takes: an answer is promised within a second.
const SLOW: Duration = Duration::from_secs(3);
/// Between the beginnings of two who say the same.
const APART: Duration = Duration::from_secs(3);

pub(super) async fn the_model_is_slow(run: &mut Run) -> Result<()> {
    let alerts = ["PostcallAnswersSlow"];
    run.about_to("the language model takes 3 s to its first word", &alerts)?;
    run.change_services(first_token_after(SLOW)).await?;
    let mut callers = Vec::new();
    for email in &run.people[..3] {
        callers.push(speaker(&run.stage.environment, email, &run.sentence).await?);
        sleep(APART).await;
    }
    run.fire(&alerts).await?;
    run.change_services(first_token_after(Duration::ZERO)).await?;
    for caller in callers {
        caller.hang_up().await?;
    }
    run.mended(&alerts)
}

pub(super) async fn the_services_are_away(run: &mut Run) -> Result<()> {
    run.about_to("the speech and language services are killed", &OF_SERVICES)?;
    let callers = [0, 1, 2, 3].map(|who| Calls::begin(&run.stage.environment, &run.people[who], Talk::Types));
    let killed = run.begin(Fault::Kill(Part::OpenAi)).await?;
    run.fire(&OF_SERVICES).await?;
    run.end(killed, Fault::Kill(Part::OpenAi)).await?;
    run.mended(&OF_SERVICES)?;
    run.stop(&OF_SERVICES).await?;
    for calls in callers {
        calls.end().await?;
    }
    Ok(())
}

pub(super) async fn a_tool_is_away(run: &mut Run) -> Result<()> {
    let alerts = ["PostcallToolErrors"];
    run.about_to("the server of the persona's tool has ended", &alerts)?;
    run.tool = None;
    let talk = Talk::WantsTheTool(run.services()?);
    let calls = Calls::begin(&run.stage.environment, &run.people[0], talk);
    run.fire(&alerts).await?;
    run.tool = Some(ToolServer::start(run.tool_port).await?);
    run.mended(&alerts)?;
    run.stop(&alerts).await?;
    calls.end().await
}
