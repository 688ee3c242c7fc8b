//! A NATS client that reconnects for as long as it takes, and says why it is not connected.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::connection::State as ClientState;
use async_nats::{ClientError, Event, ReconnectToServer, ServerAddr, ServerError};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::address::{Server, name};
use super::login::Login;
use super::refusal::{JetStream, Refusals, Refused};
use super::tls_files::TlsFiles;
use super::{Nats, RECONNECT_BACKOFF};

/// What is said while nothing is known yet.
const NOT_YET: &str = "no server was reached yet";
const LOST: &str = "the connection was lost";
const UNRESOLVED: &str = "its name cannot be resolved";

/// A client that reconnects for ever, and whether it is connected.
#[derive(Clone)]
pub struct Connection {
    pub jetstream: JetStream,
    /// Each loss and each return is a change. It ends, so that `changed` fails, with the client's own task: a panic in the
    /// library leaves a client through which nothing comes or goes any more, and [`Connection::renew`] makes another.
    pub connected: watch::Receiver<bool>,
    pub(super) trouble: watch::Receiver<Option<String>>,
    pub(super) origin: Arc<Origin>,
}

/// What a connection is made of.
pub(super) struct Origin {
    pub(super) settings: Nats,
    pub(super) name: String,
    pub(super) servers: Vec<Server>,
    pub(super) login: Option<Login>,
}

impl Connection {
    /// Why there is no connection; none while there is one.
    pub fn trouble(&self) -> Option<String> {
        if self.has_ended() {
            return Some("the NATS client has ended".to_owned());
        }
        if self.jetstream.client().connection_state() == ClientState::Connected {
            return None;
        }
        let why = self.trouble.borrow().clone();
        Some(format!("not connected to NATS: {}", why.as_deref().unwrap_or(NOT_YET)))
    }

    /// Returns when there is a connection: true; or false where the client has ended and there will be none. Until then it
    /// tells why there is none, at once and whenever that changes.
    pub async fn wait(&mut self, mut not_yet: impl FnMut(String)) -> bool {
        let mut trouble = self.trouble.clone();
        loop {
            trouble.mark_unchanged();
            match self.trouble() {
                None => return true,
                Some(reason) => not_yet(reason),
            }
            if self.has_ended() {
                return false;
            }
            tokio::select! {
                connected = self.connected.wait_for(|connected| *connected) => return connected.is_ok(),
                // The next look tells whether it ended.
                _ = trouble.changed() => {}
            }
        }
    }

    /// Whether the client's own task is no more.
    pub fn has_ended(&self) -> bool {
        self.connected.has_changed().is_err()
    }

    /// Returns when the client's own task is no more.
    pub async fn ended(&self) {
        let mut connected = self.connected.clone();
        while connected.changed().await.is_ok() {}
    }

    /// Another client with the same settings, which connects by itself. Whoever holds the old one keeps a dead client.
    pub async fn renew(&self) -> Self {
        let mut failures = 0_u32;
        loop {
            match Origin::start(Arc::clone(&self.origin)).await {
                Ok(connection) => return connection,
                // The settings were good at the start.
                Err(error) => warn!("start the NATS client anew: {error:#}"),
            }
            failures = failures.saturating_add(1);
            tokio::time::sleep(RECONNECT_BACKOFF.pause(failures)).await;
        }
    }
}

/// Which server a client tries, who it is there, and what came of the tries before. The client shares it by its callbacks
/// only, so that what it tells ends with the client.
pub(super) struct Attempts {
    servers: Vec<Server>,
    /// The login at servers without one of their own, and at those that other servers tell of.
    login: Option<Login>,
    tls_files: TlsFiles,
    tries: Mutex<Tries>,
    connected: watch::Sender<bool>,
    trouble: watch::Sender<Option<String>>,
    pub(super) refused: Refused,
}

/// What is to be known of a connection, of which [`Attempts`] tells.
pub(super) struct Told {
    pub(super) connected: watch::Receiver<bool>,
    pub(super) trouble: watch::Receiver<Option<String>>,
    pub(super) refusals: Refusals,
}

#[derive(Default)]
struct Tries {
    current: Option<Current>,
    /// What came of the last try of each server since the last connection.
    failures: BTreeMap<String, String>,
    /// What a server said before it closed the connection.
    said: Option<String>,
}

struct Current {
    address: ServerAddr,
    failed_before: usize,
    /// The server sent its greeting, so its name was resolved.
    reached: bool,
}

impl Attempts {
    pub(super) fn new(servers: Vec<Server>, login: Option<Login>, tls_files: TlsFiles) -> Self {
        let (tries, connected, trouble, refused) = Default::default();
        Self { servers, login, tls_files, tries, connected, trouble, refused }
    }

    pub(super) fn receivers(&self) -> Told {
        Told {
            connected: self.connected.subscribe(),
            trouble: self.trouble.subscribe(),
            refusals: self.refused.subscribe(),
        }
    }

    pub(super) fn only_tls(&self) -> bool {
        self.servers.iter().all(|server| server.address.tls_required())
    }

    /// Who one is at the server that is being connected to.
    pub(super) fn login_here(&self) -> Option<Login> {
        let mut tries = self.tries();
        let here = tries.current.as_mut().map(|current| {
            current.reached = true;
            &current.address
        });
        let own = here.and_then(|here| self.servers.iter().find(|server| server.address == *here));
        own.and_then(|server| server.login.clone()).or_else(|| self.login.clone())
    }

    /// The server to try next: the one after the last, whatever came of that.
    pub(super) fn next(&self, pool: &[async_nats::Server]) -> Option<ReconnectToServer> {
        let mut tries = self.tries();
        let last = tries.current.take();
        let at = last.as_ref().and_then(|last| pool.iter().position(|server| server.addr == last.address));
        if let (Some(last), Some(server)) = (&last, at.and_then(|at| pool.get(at))) {
            let failed = server.failed_attempts > last.failed_before;
            let why =
                if failed { server.last_error.as_deref() } else { (!last.reached).then_some(UNRESOLVED) };
            if let Some(why) = why {
                tries.failures.insert(name(&last.address), self.told(&last.address, why));
            }
        }
        self.tell(&tries.failures);
        let next = match at {
            Some(at) => (at + 1) % pool.len(),
            None => rand::random_range(0..pool.len().max(1)),
        };
        let server = pool.get(next)?;
        let (address, failed_before) = (server.addr.clone(), server.failed_attempts);
        tries.current = Some(Current { address: address.clone(), failed_before, reached: false });
        Some(ReconnectToServer { addr: address, delay: None })
    }

    /// The client reconnects by itself, so what happens only needs to be seen.
    pub(super) fn happened(&self, event: &Event) {
        match event {
            Event::Connected => {
                info!("connected to NATS");
                let mut tries = self.tries();
                (tries.failures, tries.said) = Default::default();
                // It has the rights of now.
                self.refused.forget();
                self.trouble.send_replace(None);
                self.connected.send_replace(true);
            }
            Event::Disconnected => {
                let why = self.tries().said.take().unwrap_or_else(|| LOST.to_owned());
                warn!(why, "disconnected from NATS");
                self.trouble.send_replace(Some(why));
                self.connected.send_replace(false);
            }
            Event::ServerError(error) => {
                if let Some(refusal) = self.refused.note(error) {
                    return warn!(%refusal, "NATS connection");
                }
                warn!(%error, "NATS connection");
                if let Some(said) = ends_the_connection(error) {
                    self.tries().said = Some(said);
                }
            }
            Event::LameDuckMode | Event::SlowConsumer(_) | Event::ClientError(ClientError::MaxReconnects) => {
                warn!(%event, "NATS connection");
            }
            Event::ClientError(_) | Event::Draining | Event::Closed => debug!(%event, "NATS connection"),
        }
    }

    /// Logged when it changes: while servers are away, every try says the same.
    fn tell(&self, failures: &BTreeMap<String, String>) {
        let why = match failures.len() {
            0 => return,
            1 if self.servers.len() == 1 => failures.values().cloned().collect::<String>(),
            _ => {
                let lines: Vec<_> = failures.iter().map(|(server, why)| format!("{server}: {why}")).collect();
                lines.join("; ")
            }
        };
        let changed = self.trouble.send_if_modified(|trouble| {
            let changed = trouble.as_ref() != Some(&why);
            *trouble = Some(why.clone());
            changed
        });
        if changed {
            warn!(why, "cannot connect to NATS; trying again, with what files and names hold then");
        }
    }

    /// With what a person can do about it.
    fn told(&self, address: &ServerAddr, error: &str) -> String {
        let error = without_repetition(error);
        if let Some(todo) = self.tls_files.todo(&error) {
            return format!("{error}: {todo}");
        }
        if !error.to_ascii_lowercase().contains("authorization violation") {
            return error;
        }
        let own = self.servers.iter().find(|server| server.address == *address);
        match own.and_then(|server| server.login.as_ref()).or(self.login.as_ref()) {
            Some(login) => format!("{error}: correct or renew {}", login.origin),
            None => format!("{error}: set NATS_CREDS, or NATS_USER and NATS_PASSWORD"),
        }
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the server says of why it closes the connection: after other errors, such as a subject that is not allowed, it stays.
fn ends_the_connection(error: &ServerError) -> Option<String> {
    let said = without_repetition(&error.to_string());
    let small = said.to_ascii_lowercase();
    let stays = ["permissions violation", "invalid subject", "slow consumer"];
    (!stays.iter().any(|stays| small.contains(stays))).then_some(said)
}

/// The library's errors name their kind, their source, and itself.
fn without_repetition(error: &str) -> String {
    let own = error.strip_prefix("failed signing nonce: AuthError(").and_then(|own| own.strip_suffix(')'));
    let mut parts: Vec<&str> = Vec::new();
    for part in own.unwrap_or(error).split(": ").filter(|part| !matches!(*part, "nats" | "IO error")) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if parts.is_empty() { error.to_owned() } else { parts.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_said_once() {
        for (error, said) in [
            ("authorization violation: nats: authorization violation", "authorization violation"),
            ("IO error: Connection refused (os error 111)", "Connection refused (os error 111)"),
            ("IO error: nats: User Authentication Expired", "User Authentication Expired"),
            ("failed signing nonce: AuthError(read x.creds: it has no JWT)", "read x.creds: it has no JWT"),
            ("IO error", "IO error"),
            ("timed out", "timed out"),
        ] {
            assert_eq!(without_repetition(error), said);
        }
    }

    #[test]
    fn only_what_ends_the_connection_is_why_it_ended() {
        let said = |text: &str| ends_the_connection(&ServerError::Other(text.to_owned()));
        assert_eq!(said("User Authentication Expired").as_deref(), Some("User Authentication Expired"));
        assert_eq!(said("Permissions Violation for Publish to \"x\""), None);
    }
}
