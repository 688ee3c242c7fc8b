//! What keeps sessions from being published, or from the agent's disk.

use std::time::Duration;

use anyhow::{Context as _, Result};
use schemas::names::SESSIONS_STREAM;
use tests::chaos::fault::{Fault, Part};
use tests::chaos::queue::{Room, limit_stream};
use tests::chaos::stage::spool;
use tokio::time::sleep;

use crate::alerts::calls::in_a_call;
use crate::alerts::run::Run;

pub(super) const OF_DEATH: [&str; 2] = ["PostcallAgentDied", "PostcallUnreadableFiles"];
pub(super) const OF_NATS: [&str; 3] =
    ["PostcallPublishRefused", "PostcallNatsDisconnected", "PostcallOutboxOld"];
pub(super) const OF_DISK: [&str; 3] =
    ["PostcallSpoolFailing", "PostcallSessionsInMemory", "PostcallPublishedNotKept"];

/// A journal is written each second.
const WRITTEN: Duration = Duration::from_secs(3);
/// How often a disk on which something may have been removed is filled.
const FILL: Duration = Duration::from_millis(200);

pub(super) async fn an_agent_dies_in_a_call(run: &mut Run) -> Result<()> {
    let [died, unreadable] = OF_DEATH;
    let caller = in_a_call(&run.stage.environment, &run.people[0]).await?;
    sleep(WRITTEN).await;
    run.about_to("kill -9 of the agent in a call, and a start", &[died])?;
    run.about_to("a file in the outbox is no session", &[unreadable])?;
    run.restart(Part::Agent, async |run| {
        caller.hang_up().await?;
        std::fs::write(spool(&run.folder).join("outbox/cut.json"), "{\"session_id\":").context("write a file")
    })
    .await?;
    run.mended(&[died])?;
    run.fire(&OF_DEATH).await?;
    std::fs::remove_file(spool(&run.folder).join("unreadable/cut.json")).context("remove the file")?;
    run.mended(&[unreadable])?;
    run.stop(&OF_DEATH).await
}

pub(super) async fn nats_refuses_and_is_away(run: &mut Run) -> Result<()> {
    let [refused, away @ ..] = OF_NATS;
    let mut callers = Vec::new();
    for email in &run.people[..2] {
        callers.push(in_a_call(&run.stage.environment, email).await?);
    }
    let [first, second] = <[_; 2]>::try_from(callers).ok().context("two callers")?;
    run.about_to("the stream is full when a call ends", &[refused])?;
    limit_stream(&run.stage.environment, SESSIONS_STREAM, Room::None).await?;
    first.hang_up().await?;
    run.fire(&[refused]).await?;
    limit_stream(&run.stage.environment, SESSIONS_STREAM, Room::AsConfigured).await?;
    run.mended(&[refused])?;
    run.stop(&[refused]).await?;
    run.about_to("nats-server is killed, and a call ends", &away)?;
    run.restart(Part::Nats, async |run| {
        second.hang_up().await?;
        run.fire(&away).await
    })
    .await?;
    run.mended(&away)?;
    run.stop(&away).await
}

pub(super) async fn the_disk_is_full(run: &mut Run) -> Result<()> {
    let mut callers = Vec::new();
    for email in &run.people[..2] {
        callers.push(in_a_call(&run.stage.environment, email).await?);
    }
    sleep(WRITTEN).await;
    run.about_to("the disk of the spool is full during a call, when another one has just ended", &OF_DISK)?;
    let kept = "sum(postcall_agent_published_kept)";
    callers.pop().context("a caller")?.hang_up().await?;
    tests::wait_for("a published session to be kept", 20 * WRITTEN, || async {
        Ok(run.value(kept).filter(|kept| *kept > 0.0).map(drop))
    })
    .await?;
    // Whatever it makes room with is used up, too.
    while !run.have_fired(&OF_DISK)? {
        run.begin(Fault::DiskFull).await?;
        sleep(FILL).await;
    }
    run.fire(&OF_DISK).await?;
    run.end(0, Fault::DiskFull).await?;
    run.mended(&OF_DISK)?;
    for caller in callers {
        caller.hang_up().await?;
    }
    run.stop(&OF_DISK).await
}
