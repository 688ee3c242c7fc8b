use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, ConnectOptions, Event, ServerAddr, jetstream};
use tokio::sync::watch;
use tracing::{debug, info, warn};

/// How long a JetStream request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two attempts to connect.
const LONGEST_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// How to reach NATS.
#[derive(Debug, Clone, clap::Args)]
pub struct Nats {
    /// Address of NATS, such as nats://127.0.0.1:4222, with user:password@ or token@ before the host where it has them;
    /// several are separated by commas.
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
        if let Some(path) = &self.nats_creds {
            let file = || format!("read NATS credentials {}", path.display());
            let credentials = tokio::fs::read_to_string(path).await.with_context(file)?;
            return options.credentials(&credentials).with_context(file);
        }
        // The client does not look at what stands before the host.
        let first: ServerAddr = self.first_server().parse().context("read the NATS address")?;
        Ok(match (first.username(), first.password()) {
            (Some(user), Some(password)) => options.user_and_password(user.to_owned(), password.to_owned()),
            (Some(token), None) => options.token(token.to_owned()),
            (None, _) => options,
        })
    }

    fn servers(&self) -> Vec<&str> {
        self.nats_url.split(',').map(str::trim).collect()
    }

    fn first_server(&self) -> &str {
        self.servers().first().copied().unwrap_or_default()
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
