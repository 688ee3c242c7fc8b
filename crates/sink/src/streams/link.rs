//! A connection to NATS that outlives its client. The client reconnects by itself, but its task ends for good where it
//! panics, and then it takes and gives nothing any more.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::Subject;
use bytes::Bytes;
use service::{Connection, JetStream, Nats};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

/// How often one looks whether there is a new client.
const LOOK: Duration = Duration::from_millis(20);
/// How often an answer is sent again while there is no client.
const SENDS: u32 = 100;

/// A handle that always leads to the client of now.
#[derive(Clone)]
pub(crate) struct Link {
    current: watch::Receiver<Arc<Connection>>,
}

impl Link {
    /// Connects in the background, for as long as somebody has the link.
    pub(crate) async fn keep(nats: &Nats, name: &str) -> anyhow::Result<Self> {
        let (tx, current) = watch::channel(Arc::new(nats.keep_connected(name).await?));
        tokio::spawn(renew(tx));
        Ok(Self { current })
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.current.borrow().trouble().is_none()
    }

    pub(crate) fn jetstream(&self) -> JetStream {
        self.current.borrow().jetstream.clone()
    }

    /// The connection, as soon as there is one; until then it tells why there is none. Each loss of it and its client's end
    /// are changes of its `connected`.
    pub(crate) async fn connected(&self, not_yet: impl Fn(String)) -> Connection {
        loop {
            let mut connection = Connection::clone(&self.current.borrow());
            if connection.wait(&not_yet).await && *connection.connected.borrow_and_update() {
                return connection;
            }
            sleep(LOOK).await;
        }
    }

    /// Tells, for ever, that the server refuses what is published below this.
    pub(crate) async fn tell_refusals(&self, below: &str, tell: impl Fn()) {
        let mut current = self.current.clone();
        loop {
            let jetstream = current.borrow_and_update().jetstream.clone();
            let refusals = async {
                jetstream.tell_refusals(below, &tell).await;
                // The client has ended, and another one comes.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = refusals => {}
                changed = current.changed() => if changed.is_err() {
                    std::future::pending::<()>().await;
                },
            }
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

async fn renew(tx: watch::Sender<Arc<Connection>>) {
    loop {
        let connection = Arc::clone(&tx.borrow());
        tokio::select! {
            () = tx.closed() => return,
            () = connection.ended() => warn!("the NATS client has ended: another one connects"),
        }
        tx.send_replace(Arc::new(connection.renew().await));
    }
}
