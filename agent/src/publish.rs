//! `agent publish`: publishes what the spool of a worker that is gone holds, and ends. So the volume of a pod that will not come
//! back can be removed.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use service::{LogFormat, Nats, shutdown_on_signal};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::publisher::{self, PublisherArgs};
use crate::spool::{Spool, SpoolArgs};

/// Which spool is published, and where to.
#[derive(Clone, clap::Args)]
pub struct PublishArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    #[command(flatten)]
    nats: Nats,
    /// Longest that this may take, such as 15m, with the wait until NATS has synced what it took; what is left then stays in
    /// the folder
    #[arg(long, env = "AGENT_PUBLISH_LIMIT", value_parser = humantime::parse_duration, default_value = "15m")]
    publish_limit: Duration,
    /// Form of the log lines on standard error
    #[arg(long, env, value_enum, default_value = "plain")]
    pub log_format: LogFormat,
}

/// Publishes all that the folder has, journals of calls that nobody ended included, until nobody needs the folder any more.
///
/// # Errors
/// There is no such folder, a worker uses it, or it holds something yet: the limit is over, a signal came, or files are no
/// payloads.
pub async fn run(args: PublishArgs) -> anyhow::Result<()> {
    let stopped = shutdown_on_signal()?;
    let _traces = service::traces::start("agent")?;
    let folder = args.spool.spool_dir.clone();
    // Opening it would make one, and a wrong path would look like an empty spool.
    ensure!(folder.is_dir(), "there is no folder {}: set AGENT_SPOOL_DIR to the worker's", folder.display());
    let spool = Spool::open_aside(args.spool).await?;
    let sessions = spool.waiting();
    info!(sessions, folder = %folder.display(), "publishing what the spool holds");
    let (trouble_tx, trouble_rx) = watch::channel(None);
    let publisher = PublisherArgs { nats: args.nats, publish_drain_limit: Duration::ZERO };
    tokio::select! {
        ended = publisher::run(publisher, spool.clone(), trouble_tx, CancellationToken::new()) => ended?,
        () = until_safe(&spool) => {}
        () = sleep(args.publish_limit) => {}
        () = stopped.cancelled() => {}
    }
    let waiting = spool.waiting();
    let trouble = trouble_rx.borrow().clone().or_else(|| spool.why_publish_refused().map(String::from));
    let why = trouble.map(|trouble| format!(" ({trouble})")).unwrap_or_default();
    ensure!(
        waiting == 0,
        "{waiting} of {sessions} sessions are not published{why}: they stay in the folder; run this again"
    );
    let kept = spool.kept();
    ensure!(
        kept == 0,
        "{kept} sessions are published, but NATS may not have synced them yet: keep the folder, and run this again"
    );
    let set_aside = spool.set_aside_files().context("look into the spool folder")?;
    ensure!(
        set_aside == 0,
        "{set_aside} files in {}/unreadable are no payloads: look at them, and remove them",
        folder.display()
    );
    info!(sessions, "all is published: nothing needs the folder any more");
    Ok(())
}

async fn until_safe(spool: &Spool) {
    spool.drained().await;
    if let (Some(safe_after), 1..) = (spool.safe_after(), spool.kept()) {
        let wait = humantime::format_duration(safe_after);
        info!(%wait, "published; waiting until NATS has surely synced it (NATS_SYNC_INTERVAL)");
    }
    spool.safe().await;
}
