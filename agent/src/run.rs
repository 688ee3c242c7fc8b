//! Puts the parts together and takes them apart again in order.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use service::shutdown_on_signal;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::configuration::Args;
use crate::conversation::{Assistant, TurnDetector};
use crate::http::{self, Pages};
use crate::metrics::Metrics;
use crate::persona::Persona;
use crate::providers::Providers;
use crate::publisher;
use crate::room_service::RoomService;
use crate::session::{Sessions, guard_data_channels};
use crate::spool::Spool;
use crate::tools::Toolbox;
use crate::worker::{self, WorkerStatus, watchdog};

/// Answers calls until a signal says to stop; then drains: calls end, events are published. A second signal ends the
/// process at once, and what is on disk is finished at the next start.
///
/// # Errors
/// A setting, the spool folder or the HTTP address cannot be used.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let livekit = args.livekit.checked()?;
    let shutdown = shutdown_on_signal()?;
    let _traces = service::traces::start("agent")?;
    let metrics = Metrics::new().context("register metrics")?;
    metrics.add(service::traces::collectors()).context("register metrics")?;
    guard_data_channels(metrics.clone());
    let persona = Arc::new(args.persona.load()?);
    let providers = Providers::new(&args.providers, &livekit.rooms(), &persona).await?;
    let services = providers.health.clone();
    metrics.add(providers.sockets.collectors()).context("register metrics")?;
    let assistant = make_assistant(&args, persona, providers, metrics.clone()).await?;
    let trying = assistant.keep_trying(args.providers.provider_check_interval);
    let trying = AbortOnDropHandle::new(tokio::spawn(trying));
    let spool = Spool::open_aside(args.spool.clone()).await?.redacting(args.record.agent_redact);
    let (status_tx, status_rx) = watch::channel(WorkerStatus::default());
    let (nats_trouble_tx, nats_trouble_rx) = watch::channel(None);
    let rooms = RoomService::new(livekit.clone())?;
    let watching = watchdog::run(
        rooms.clone(),
        args.worker.clone(),
        metrics.clone(),
        status_rx.clone(),
        shutdown.clone(),
    );
    let pages = Pages {
        agent_name: args.worker.agent_name.as_str().into(),
        capacity: args.worker.agent_capacity.get(),
        status_rx,
        metrics: metrics.clone(),
        nats_trouble_rx,
        spool: spool.clone(),
        services,
    };
    let sessions = Sessions {
        args: args.session,
        budget: args.budget,
        assistant: Arc::new(assistant),
        rooms,
        agent_name: Arc::clone(&pages.agent_name),
        spool: spool.clone(),
        metrics: metrics.clone(),
    };
    // Health is served, and events are published, until the last session is over.
    let calls_over = CancellationToken::new();
    let serving = tokio::spawn(http::listen(args.agent_http, pages, calls_over.clone()).await?);
    let disk_fails_rx = spool.disk_fails();
    let publisher = publisher::run(args.publisher, spool, nats_trouble_tx, calls_over.clone());
    let mut publishing = tokio::spawn(publisher);

    let watching = tokio::spawn(watching);
    let run_session = |job, control| sessions.run(job, control);
    let working = worker::run(livekit, args.worker, metrics, status_tx, disk_fails_rx, shutdown, run_session);
    tokio::select! {
        () = working => {}
        ended = &mut publishing => {
            ended.context("join the publisher")??;
            bail!("the publisher ended before the calls");
        }
    }
    info!("no calls any more");
    watching.await.context("join the watchdog")?;
    drop(trying);
    calls_over.cancel();
    publishing.await.context("join the publisher")??;
    serving.await.context("join the HTTP server")
}

async fn make_assistant(
    args: &Args,
    persona: Arc<Persona>,
    providers: Providers,
    metrics: Metrics,
) -> anyhow::Result<Assistant> {
    let environment = |name: &str| std::env::var(name).ok();
    let toolbox =
        Toolbox::new(Arc::clone(&persona), environment, args.providers.services_allow_plain_text).await?;
    info!(
        persona = persona.name(),
        signals = persona.signals().len(),
        tools = persona.tools().len(),
        "who the agent is"
    );
    let turn_detector = TurnDetector::load(&args.turn_detector).await?;
    Ok(Assistant::new(persona, toolbox, providers, turn_detector, args.record, metrics))
}
