//! `replay`: events of the stream, written again.

use std::num::NonZeroU32;
use std::pin::pin;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt as _, TryStreamExt as _, future};
use service::Nats;

use crate::commands::output::{Progress, print_line};
use crate::commands::write_again::{Read, write_again};
use crate::options::SinkOptions;
use crate::streams::events::{Events, Period, StoredEvent, first_moment, last_moment};
use crate::writer::Writer;

/// Flags of `replay`. `A` are the flags that the writer needs.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayEventsArgs<A: clap::Args> {
    #[command(flatten)]
    pub nats: Nats,
    #[command(flatten)]
    pub events: WhichEvents,
    /// Most events in a second.
    #[arg(long, default_value = "100")]
    pub a_second: NonZeroU32,
    /// One JSON object a line: sequence, and outcome or error.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub writer: A,
}

/// Which events of the stream.
#[derive(Debug, Clone, clap::Args)]
pub struct WhichEvents {
    /// The first day (2026-11-01, UTC) or moment (RFC 3339) in which the sessions ended.
    #[arg(long, value_parser = first_moment, requires = "to", required_unless_present = "session")]
    pub from: Option<DateTime<Utc>>,
    /// The last day, or the moment before which the sessions ended.
    #[arg(long, value_parser = last_moment, requires = "from")]
    pub to: Option<DateTime<Utc>>,
    /// One session, by its id.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub session: Option<String>,
}

impl WhichEvents {
    /// Reads them.
    ///
    /// # Errors
    /// The same as of [`Events::published_since`].
    pub async fn select(
        self,
        events: &Events,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<StoredEvent>> + use<>> {
        Ok(match (self.from, self.to, self.session) {
            (Some(from), Some(to), _) => events.ended_in(Period { from, to }).await?.left_stream(),
            (_, _, session) => {
                let session = session.context("which session, or from when to when?")?;
                let all = events.published_since(None).await?;
                all.try_filter(move |event| future::ready(is_of(event, &session))).right_stream()
            }
        })
    }
}

/// `replay`: writes events of the stream again with this sink's writer. Nothing is published, and no other sink sees it.
/// `connect` makes the writer out of its flags, and says how it is driven.
///
/// # Errors
/// Where NATS or the store cannot be reached, where the session is not in the stream, or where an event could not be written.
pub async fn replay_events<A: clap::Args, W: Writer, F: Future<Output = anyhow::Result<(SinkOptions, W)>>>(
    sink: &str,
    args: ReplayEventsArgs<A>,
    connect: impl FnOnce(A) -> F,
) -> anyhow::Result<()> {
    let jetstream = args.nats.connect(&format!("{sink} replay")).await?;
    let events = Events::open(&jetstream).await?;
    let selected = args.events.select(&events).await?;
    let (options, writer) = connect(args.writer).await?;
    let progress = Progress::new("events", None);
    let messages = selected.map_ok(message);
    let mut replayed = pin!(write_again(messages, &options, &writer, Some(args.a_second.get())));
    let (mut written, mut failed) = (0_u64, 0_u64);
    while let Some(one) = replayed.try_next().await? {
        *(if one.error.is_some() { &mut failed } else { &mut written }) += 1;
        progress.one_more();
        if args.json {
            print_line(&serde_json::to_string(&one)?)?;
        } else if let Some(error) = &one.error {
            progress.above(|| print_line(&format!("{}\tnot written: {error}", one.sequence)))?;
        }
    }
    progress.end();
    if !args.json {
        print_line(&format!("written: {written}, not written: {failed}"))?;
    }
    ensure!(written + failed > 0, "the stream has no such event (it keeps events for its max_age only)");
    ensure!(failed == 0, "events that could not be written: {failed}");
    Ok(())
}

fn is_of(event: &StoredEvent, session: &str) -> bool {
    event.decoded.as_ref().is_ok_and(|event| event.identity.session_id.as_str() == session)
}

fn message(event: StoredEvent) -> Read {
    (event.sequence, event.into_message().map_err(|error| error.to_string()))
}
