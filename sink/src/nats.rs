use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, ConnectOptions, Event, jetstream};
use tokio::sync::watch;
use tracing::{debug, info, warn};

/// How long a JetStream request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two attempts to connect.
const LONGEST_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// How to reach NATS.
#[derive(Debug, Clone, clap::Args)]
pub struct Nats {
    /// Address of NATS, such as nats://127.0.0.1:4222; several are separated by commas.
    #[arg(long, env = "NATS_URL", hide_env_values = true)]
    pub nats_url: String,
    /// File with NATS credentials (JWT and seed).
    #[arg(long, env = "NATS_CREDS")]
    pub nats_creds: Option<PathBuf>,
}

/// A client that reconnects for ever, and whether it is connected; each loss and each return is a change.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) jetstream: jetstream::Context,
    pub(crate) connected: watch::Receiver<bool>,
}

impl Nats {
    /// Connects or fails; for commands.
    pub(crate) async fn connect(&self, name: &str) -> anyhow::Result<jetstream::Context> {
        let client = self.options(name).await?.connect(self.servers()).await.context("connect to NATS")?;
        Ok(context(client))
    }

    /// Returns at once and connects for as long as it takes; for a program that stays.
    pub(crate) async fn keep_connected(&self, name: &str) -> anyhow::Result<Connection> {
        let (sender, connected) = watch::channel(false);
        let options = self.options(name).await?.retry_on_initial_connect().event_callback(move |event| {
            log_event(&event);
            if let Event::Connected | Event::Disconnected = event {
                sender.send_replace(event == Event::Connected);
            }
            std::future::ready(())
        });
        let client = options.connect(self.servers()).await.context("start the NATS client")?;
        Ok(Connection { jetstream: context(client), connected })
    }

    async fn options(&self, name: &str) -> anyhow::Result<ConnectOptions> {
        let options = ConnectOptions::new()
            .name(name)
            .ping_interval(Duration::from_secs(10))
            .reconnect_delay_callback(|attempts| {
                let doubled = Duration::from_millis(50).saturating_mul(1 << attempts.min(10));
                doubled.min(LONGEST_RECONNECT_DELAY)
            });
        Ok(match &self.nats_creds {
            Some(path) => {
                let file = || format!("read NATS credentials {}", path.display());
                let credentials = tokio::fs::read_to_string(path).await.with_context(file)?;
                options.credentials(&credentials).with_context(file)?
            }
            None => options,
        })
    }

    fn servers(&self) -> Vec<String> {
        self.nats_url.split(',').map(|url| url.trim().to_owned()).collect()
    }
}

fn context(client: Client) -> jetstream::Context {
    jetstream::ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client)
}

/// The client reconnects by itself, so its errors only need to be seen.
fn log_event(event: &Event) {
    match event {
        Event::Connected => info!("connected to NATS"),
        Event::Disconnected | Event::LameDuckMode | Event::SlowConsumer(_) | Event::ServerError(_) => {
            warn!(%event, "NATS connection");
        }
        Event::ClientError(_) | Event::Draining | Event::Closed => debug!(%event, "NATS connection"),
    }
}
