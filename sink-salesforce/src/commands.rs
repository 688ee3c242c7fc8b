//! Salesforce as a sink: its settings, and how its writer is driven.

use std::time::Duration;

use futures::Stream;
use sink::{Check, NoCommands, Sink, SinkOptions, StoredEvent};

use crate::check::check_org;
use crate::client::{Client, MOST_ROWS};
use crate::config::{RequestTimeout, SalesforceArgs};
use crate::dry_run;
use crate::writer::{SalesforceWriter, field_map};

impl Sink for SalesforceWriter {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const HTTP: &'static str = "127.0.0.1:9102";

    type Args = SalesforceArgs;
    type SetupArgs = RequestTimeout;
    type Command = NoCommands;

    /// One batch at a time, because calls of the API are what is scarce, and because two batches could write one record at a
    /// time.
    fn options(args: &SalesforceArgs) -> SinkOptions {
        SinkOptions {
            max_batch: MOST_ROWS,
            linger: args.salesforce_linger,
            max_concurrent_writes: 1,
            write_timeout: Self::write_timeout(&args.request_timeout),
        }
    }

    fn write_timeout(timeout: &RequestTimeout) -> Duration {
        // A usual batch is three requests: token, look-up, update.
        timeout.salesforce_request_timeout * 4
    }

    async fn connect(args: SalesforceArgs) -> anyhow::Result<Self> {
        Self::new(&args)
    }

    /// Writes nothing.
    async fn check(args: SalesforceArgs, _: bool) -> anyhow::Result<Vec<Check>> {
        let (client, map) = (Client::new(&args)?, field_map(&args)?);
        Ok(check_org(&client, &map).await)
    }

    async fn preview(
        &self,
        events: impl Stream<Item = anyhow::Result<StoredEvent>>,
        json: bool,
    ) -> anyhow::Result<()> {
        dry_run::preview(events, self, json).await
    }
}
