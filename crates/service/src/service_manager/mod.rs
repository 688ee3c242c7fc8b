//! What the service manager that has started a program is told of it, by the protocol `sd_notify` of systemd's: datagrams of
//! assignments to the socket that `NOTIFY_SOCKET` names. Where nobody has set that, nobody is told anything.
//!
//! A program is started when its settings hold and its addresses are its own. Whether it works is another question, which its
//! status answers: one that waits for NATS gains nothing from being ended and started again. One whose runtime stands still does;
//! then the sign of life that `WATCHDOG_USEC` asks for does not come.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdUnixDatagram};
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::time::MissedTickBehavior;
use tracing::warn;

const STATUS_INTERVAL: Duration = Duration::from_secs(5);
/// Longest status; systemd passes over datagrams of more than 4 KiB.
const MAX_STATUS_BYTES: usize = 2048;

/// Tells whoever has started this program that it is there, that it lives, and in what `status` it is. Does not end.
pub(crate) async fn keep_told<F: Future<Output = String>>(status: impl Fn() -> F) {
    if let Some(manager) = ServiceManager::from_environment() {
        manager.keep_told(status).await;
    }
    std::future::pending().await
}

/// Tells that this program was told to stop.
pub(crate) async fn tell_stopping() {
    if let Some(manager) = ServiceManager::from_environment() {
        manager.tell("STOPPING=1").await;
    }
}

struct ServiceManager {
    socket: SocketAddr,
    /// Without a sign of life for so long, the program is ended and started again.
    watchdog: Option<Duration>,
    /// How often it is looked whether the status is another.
    status_interval: Duration,
}

impl ServiceManager {
    fn from_environment() -> Option<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let number = |name| variable(name).and_then(|value| value.to_str()?.parse::<u64>().ok());
        let name = variable("NOTIFY_SOCKET")?;
        let socket = match socket(&name) {
            Ok(socket) => socket,
            Err(error) => {
                warn!(%error, "the service manager is told nothing: NOTIFY_SOCKET is no socket's name");
                return None;
            }
        };
        // It may be meant for the process that has started this one.
        let is_meant = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|&limit| is_meant && limit > 0);
        let watchdog = watchdog.map(Duration::from_micros);
        Some(Self { socket, watchdog, status_interval: STATUS_INTERVAL })
    }

    async fn keep_told<F: Future<Output = String>>(&self, status: impl Fn() -> F) {
        self.tell("READY=1").await;
        // Apart from each other: a status that takes long is no reason to end the program.
        tokio::join!(self.keep_told_of_life(), self.keep_told_of_status(status));
    }

    async fn keep_told_of_life(&self) {
        let Some(limit) = self.watchdog else { return };
        let mut interval = tokio::time::interval(limit / 2);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.tell("WATCHDOG=1").await;
        }
    }

    async fn keep_told_of_status<F: Future<Output = String>>(&self, status: impl Fn() -> F) {
        let mut told = String::new();
        loop {
            let now = one_line(&status().await);
            if now != told {
                self.tell(&format!("STATUS={now}")).await;
                told = now;
            }
            tokio::time::sleep(self.status_interval).await;
        }
    }

    async fn tell(&self, state: &str) {
        if let Err(error) = self.send(state).await {
            warn!(%error, state, "the service manager was not told");
        }
    }

    /// By a socket of its own each time: the one at the other end may be another by now.
    async fn send(&self, state: &str) -> io::Result<()> {
        let socket = StdUnixDatagram::unbound()?;
        socket.connect_addr(&self.socket)?;
        socket.set_nonblocking(true)?;
        UnixDatagram::from_std(socket)?.send(state.as_bytes()).await.map(drop)
    }
}

/// A path, or the name of an abstract socket behind an `@`.
fn socket(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it begins with neither / nor @")),
    }
}

/// Each line of a datagram is an assignment, so a status has one.
fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut line = lines.join("; ");
    line.truncate(line.floor_char_boundary(MAX_STATUS_BYTES));
    line
}
