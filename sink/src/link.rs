//! A connection to NATS that outlives its client. The client reconnects by itself, but its task ends for good where it
//! panics, and then it takes and gives nothing any more.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Subject, jetstream};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, warn};

use crate::Nats;
use crate::nats::Connection;

/// How often one looks whether there is a new client.
const LOOK: Duration = Duration::from_millis(20);
/// Longest pause between two tries to start a client.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often an answer is sent again while there is no client.
const SENDS: u32 = 100;

/// Whoever has it has the client that there is now.
#[derive(Clone)]
pub(crate) struct Link {
    current: watch::Receiver<Arc<Connection>>,
}

impl Link {
    /// Connects in the background, for as long as somebody has the link.
    pub(crate) async fn keep(nats: &Nats, name: String) -> anyhow::Result<Self> {
        let connection = Arc::new(nats.keep_connected(&name).await?);
        let (sender, current) = watch::channel(connection);
        tokio::spawn(renew(nats.clone(), name, sender));
        Ok(Self { current })
    }

    pub(crate) fn jetstream(&self) -> jetstream::Context {
        self.current.borrow().jetstream.clone()
    }

    /// Is there a client, and is it connected?
    pub(crate) fn is_connected(&self) -> bool {
        let connection = self.current.borrow();
        has_client(&connection) && *connection.connected.borrow()
    }

    /// The connection, as soon as there is one. Each loss of it and its client's end are changes of its `connected`.
    pub(crate) async fn connected(&self) -> Connection {
        loop {
            let mut connection = Connection::clone(&self.current.borrow());
            let connected = connection.connected.wait_for(|connected| *connected).await.is_ok();
            if connected && has_client(&connection) {
                return connection;
            }
            sleep(LOOK).await;
        }
    }

    /// Sends, by the next client where this one has ended.
    pub(crate) async fn publish(&self, subject: Subject, payload: Bytes) -> anyhow::Result<()> {
        let mut sends = 1;
        loop {
            let client = self.jetstream().client();
            match client.publish(subject.clone(), payload.clone()).await {
                Ok(()) => return Ok(()),
                Err(_) if sends < SENDS => sleep(LOOK).await,
                Err(error) => return Err(error).context("send"),
            }
            sends += 1;
        }
    }
}

fn has_client(connection: &Connection) -> bool {
    connection.connected.has_changed().is_ok()
}

async fn renew(nats: Nats, name: String, current: watch::Sender<Arc<Connection>>) {
    loop {
        let mut connected = current.borrow().connected.clone();
        tokio::select! {
            () = current.closed() => return,
            // The last one is the client's end.
            () = async { while connected.changed().await.is_ok() {} } => {}
        }
        warn!(connection = name, "the NATS client has ended: another one connects");
        let mut pause = LOOK;
        loop {
            match nats.keep_connected(&name).await {
                Ok(connection) => {
                    current.send_replace(Arc::new(connection));
                    break;
                }
                Err(error) => error!(error = format!("{error:#}"), "NATS client not started"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
