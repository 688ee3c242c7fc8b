//! What a socket sends, in a task of its own: a client that is not read to still hears what the service has to say.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::SinkExt;
use futures::stream::SplitSink;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Ended;

/// Frames that wait for a client that does not take them.
const WAITING: usize = 64;
/// How long it may take to write what waits.
const WRITING_TIME: Duration = Duration::from_secs(5);

enum Outgoing {
    Frame(String),
    /// Nothing for so long.
    Hold(Duration),
    Close,
}

/// The end of a socket at which frames are given up. Dropping it breaks the connection.
pub(crate) struct Writer {
    tx: mpsc::Sender<Outgoing>,
    task: JoinHandle<()>,
}

impl Writer {
    /// `pace` is waited before each frame.
    pub(crate) fn start(sink: SplitSink<WebSocket, Message>, pace: Duration) -> Self {
        let (tx, rx) = mpsc::channel(WAITING);
        Self { tx, task: tokio::spawn(write(sink, rx, pace)) }
    }

    pub(crate) async fn send(&self, frame: String) -> Result<(), Ended> {
        self.give(Outgoing::Frame(frame)).await
    }

    pub(crate) async fn hold(&self, time: Duration) -> Result<(), Ended> {
        self.give(Outgoing::Hold(time)).await
    }

    /// Writes what waits, and that it was the last.
    pub(crate) async fn close(&mut self) {
        let closing = async {
            drop(self.give(Outgoing::Close).await);
            drop((&mut self.task).await);
        };
        drop(timeout(WRITING_TIME, closing).await);
    }

    /// Breaks the connection; what waits is not written.
    pub(crate) fn cut(&self) {
        self.task.abort();
    }

    async fn give(&self, outgoing: Outgoing) -> Result<(), Ended> {
        self.tx.send(outgoing).await.map_err(|_| Ended)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.cut();
    }
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mut rx: mpsc::Receiver<Outgoing>, pace: Duration) {
    while let Some(outgoing) = rx.recv().await {
        let written = match outgoing {
            Outgoing::Frame(frame) => {
                sleep(pace).await;
                sink.send(Message::text(frame)).await
            }
            Outgoing::Hold(time) => {
                sleep(time).await;
                Ok(())
            }
            Outgoing::Close => {
                let frame = CloseFrame { code: close_code::NORMAL, reason: "".into() };
                drop(sink.send(Message::Close(Some(frame))).await);
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}
