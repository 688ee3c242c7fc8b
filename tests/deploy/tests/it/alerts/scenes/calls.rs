//! What keeps callers from their agent.

use std::time::Duration;

use anyhow::Result;
use tests::caller::{Caller, ConnectionDetails};
use tests::chaos::fault::{Fault, Link, Part};
use tests::chaos::proxy::Mode;
use tokio::time::sleep;

use crate::alerts::calls::{Calls, Talk, in_a_call};
use crate::alerts::run::{PLACES, Run};

pub(super) const OF_PLACES: [&str; 2] = ["PostcallPlacesShort", "PostcallRoomsWithoutAgent"];
pub(super) const OF_LIVEKIT: [&str; 4] =
    ["PostcallNoAgent", "PostcallAgentNotConnected", "PostcallLiveKitUnreachable", "PostcallWebErrors"];

/// What each piece of a connection to LiveKit waits: a join asks and answers several times, and is promised within 2 s.
const SLOW: Duration = Duration::from_millis(800);
/// Between two visitors.
const VISITS: Duration = Duration::from_millis(300);

pub(super) async fn livekit_is_slow(run: &mut Run) -> Result<()> {
    let alerts = ["PostcallJoinsSlow"];
    run.about_to("each piece between agent and LiveKit waits 0.8 s", &alerts)?;
    let slow = run.pass(Link::LiveKit, Mode::Slow(SLOW))?;
    let callers = [0, 1].map(|who| Calls::begin(&run.stage.environment, &run.people[who], Talk::Nothing));
    run.fire(&alerts).await?;
    for calls in callers {
        calls.end().await?;
    }
    run.end(slow, Fault::Slow(Link::LiveKit)).await?;
    run.mended(&alerts)
}

pub(super) async fn there_are_more_callers_than_places(run: &mut Run) -> Result<()> {
    run.about_to("one caller more than places", &OF_PLACES)?;
    let mut callers = Vec::new();
    for email in &run.people[..PLACES] {
        callers.push(in_a_call(&run.stage.environment, email).await?);
    }
    let details = ConnectionDetails::request(&run.stage.environment, &run.people[PLACES]).await?;
    let alone = Caller::join_without_microphone(&run.stage.environment, &details).await?;
    run.fire(&OF_PLACES).await?;
    // First, or an agent would come at last, and late.
    alone.hang_up().await?;
    for caller in callers {
        caller.hang_up().await?;
    }
    run.mended(&OF_PLACES)?;
    run.stop(&OF_PLACES).await
}

pub(super) async fn livekit_is_away(run: &mut Run) -> Result<()> {
    run.about_to("livekit-server is killed, and visitors want to call", &OF_LIVEKIT)?;
    let killed = run.begin(Fault::Kill(Part::LiveKit)).await?;
    let environment = run.stage.environment.clone();
    let visits = tokio::spawn(async move {
        loop {
            drop(ConnectionDetails::request(&environment, "visitor@company.example").await);
            sleep(VISITS).await;
        }
    });
    run.fire(&OF_LIVEKIT).await?;
    run.end(killed, Fault::Kill(Part::LiveKit)).await?;
    run.mended(&OF_LIVEKIT)?;
    run.stop(&OF_LIVEKIT).await?;
    visits.abort();
    Ok(())
}
