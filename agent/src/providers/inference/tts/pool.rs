//! Sockets for speech: few, warm, and each with one utterance at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::protocol::{Model, read};
use crate::providers::error::{Provider, ProviderError};
use crate::providers::json_socket::JsonSocket;
use crate::providers::request::Limits;
use crate::providers::sockets::Sockets;

/// Sockets that wait for an utterance. Each is one of the few that a plan has.
const MOST_IDLE: usize = 2;
/// How long one waits: the gateway closes it some time after its last use.
const LONGEST_IDLE: Duration = Duration::from_secs(240);

/// The sockets of a process to one model; clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    sockets: Sockets,
    model: Model,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: usize,
    /// Those that wait for an utterance; none while there is no call.
    idle: Vec<Idle>,
    /// Those that are about to.
    opening: usize,
}

/// A socket that waits. Dropped, it is closed.
struct Idle {
    wanted_tx: oneshot::Sender<()>,
    waiting: JoinHandle<Option<JsonSocket>>,
}

/// A call in which something may be said at any time. With the last one the sockets that wait are closed.
pub(in crate::providers) struct Hold(Pool);

/// A socket is being opened that is to wait.
struct Opening(Pool);

/// A socket with an utterance under way. Dropped before that is whole, the socket is closed and another one made ready.
pub(super) struct Lease {
    /// None once it was given back.
    socket: Option<JsonSocket>,
    pool: Pool,
}

impl Pool {
    pub(super) fn new(sockets: Sockets, model: Model) -> Self {
        Self(Arc::new(Shared { sockets, model, state: Mutex::default() }))
    }

    pub(super) fn model(&self) -> &Model {
        &self.0.model
    }

    pub(super) fn provider(&self) -> Provider {
        self.0.sockets.provider
    }

    pub(super) fn limits(&self) -> Limits {
        self.0.sockets.limits
    }

    /// One that waits for an utterance.
    pub(super) async fn warm_socket(&self) -> Option<Lease> {
        loop {
            let idle = self.state().idle.pop()?;
            if let Some(socket) = idle.take().await {
                return Some(Lease { socket: Some(socket), pool: self.clone() });
            }
        }
    }

    pub(super) async fn new_socket(&self) -> Result<Lease, ProviderError> {
        Ok(Lease { socket: Some(self.connect().await?), pool: self.clone() })
    }

    async fn connect(&self) -> Result<JsonSocket, ProviderError> {
        let mut socket = self.0.sockets.connect("tts", &self.model().query()).await?;
        socket.send(&self.model().create()).await?;
        Ok(socket)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins: a socket is made ready for what is said first.
    pub(super) fn hold(&self) -> Hold {
        self.state().calls += 1;
        self.warm();
        Hold(self.clone())
    }

    fn keep(&self, socket: JsonSocket) {
        let mut state = self.state();
        state.forget_ended();
        if state.idle.len() < MOST_IDLE && state.calls > 0 {
            state.idle.push(Idle::new(socket));
        } else {
            leave(socket);
        }
    }

    /// Makes a socket ready for the next utterance: one for each call, up to the few that may wait.
    fn warm(&self) {
        let opening = {
            let mut state = self.state();
            state.forget_ended();
            if state.idle.len() + state.opening >= state.calls.min(MOST_IDLE) {
                return;
            }
            state.opening += 1;
            Opening(self.clone())
        };
        tokio::spawn(async move {
            match opening.0.connect().await {
                Ok(socket) => opening.0.keep(socket),
                // Whoever speaks next says so.
                Err(error) => debug!("no socket is made ready: {error}"),
            }
        });
    }
}

impl State {
    fn forget_ended(&mut self) {
        self.idle.retain(|idle| !idle.waiting.is_finished());
    }
}

impl Idle {
    fn new(socket: JsonSocket) -> Self {
        let (wanted_tx, wanted_rx) = oneshot::channel();
        Self { wanted_tx, waiting: tokio::spawn(wait(socket, wanted_rx)) }
    }

    /// None where it has ended meanwhile.
    async fn take(self) -> Option<JsonSocket> {
        self.wanted_tx.send(()).ok()?;
        self.waiting.await.ok()?
    }
}

/// Reads what comes, answers pings and asks by its own whether the other end lives, until the socket is wanted. One that has ended,
/// or has waited for too long, is none that is wanted.
async fn wait(mut socket: JsonSocket, mut wanted_rx: oneshot::Receiver<()>) -> Option<JsonSocket> {
    let until = Instant::now() + LONGEST_IDLE;
    loop {
        tokio::select! {
            biased;
            wanted = &mut wanted_rx => match wanted {
                Ok(()) => return Some(socket),
                Err(_) => break,
            },
            text = socket.next() => {
                if let Err(error) = text.and_then(|text| read(&text)) {
                    debug!("a socket that waited has ended: {error}");
                    break;
                }
            }
            () = sleep_until(until) => break,
        }
    }
    socket.close().await;
    None
}

/// Says good-bye, for which nobody waits.
fn leave(socket: JsonSocket) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(socket.close());
    }
}

impl Lease {
    /// # Errors
    /// It was given back.
    pub(super) fn socket(&mut self) -> Result<&mut JsonSocket, ProviderError> {
        self.socket.as_mut().ok_or_else(|| ProviderError::lost(self.pool.provider()))
    }

    /// The utterance is whole: the socket takes another one.
    pub(super) fn give_back(mut self) {
        if let Some(socket) = self.socket.take() {
            self.pool.keep(socket);
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.state().opening -= 1;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Under the lock, so that none is kept after this.
        let mut state = self.0.state();
        state.calls -= 1;
        if state.calls == 0 {
            state.idle.clear();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take() {
            leave(socket);
            self.pool.warm();
        }
    }
}
