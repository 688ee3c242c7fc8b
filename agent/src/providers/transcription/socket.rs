//! A dialect over a WebSocket. A connection that breaks is made again, and is sent what is not final yet.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::dialect::{Dialect, Said};
use super::hearing::{Ended, Hearing, Over, RATE};
use crate::providers::error::ProviderError;
use crate::providers::json_socket::JsonSocket;
use crate::providers::sockets::Sockets;
use crate::providers::sound::Rate;

/// Sound that is sent at a time, of [`RATE`]: 50 ms.
const PIECE: usize = RATE as usize / 20;
/// A connection that has lived so long, or has made words final, has worked: its end is no failure of the one before.
const WORKED: Duration = Duration::from_secs(10);
/// Pauses before the tries to connect again.
const PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(2), Duration::from_secs(2)];

/// A connection that was asked for final words, and from which nothing came for so long, is dead.
const PONG_LIMIT: Duration = Duration::from_secs(3);

/// Why a connection is not used any more.
struct Broken {
    error: ProviderError,
    /// It was one.
    connected: bool,
    /// It had worked: whatever ended it may pass.
    worked: bool,
}

impl From<ProviderError> for Broken {
    fn from(error: ProviderError) -> Self {
        Self { error, connected: false, worked: false }
    }
}

/// Listens by one connection after another, until its tries are used up.
pub(super) async fn listen(
    hearing: &mut Hearing,
    sockets: &Sockets,
    dialect: &dyn Dialect,
    works: &(dyn Fn() + Send + Sync),
) -> Ended {
    let mut failures = 0;
    let mut failing_since = None;
    loop {
        // Who has no microphone needs none of the few connections that a plan has.
        if let Err(over) = hearing.until_sound().await {
            return over.into();
        }
        let began = Instant::now();
        let served = serve(hearing, sockets, dialect.fresh(), works).await;
        let Broken { error, connected, worked } = match served {
            Ok(Served::Over) => return Ended::Over,
            Ok(Served::Aged) => continue,
            Err(broken) => broken,
        };
        if worked {
            (failures, failing_since) = (0, None);
        }
        let since = *failing_since.get_or_insert_with(|| if connected { Instant::now() } else { began });
        // A caller waits.
        let may_pass = (worked || error.recoverable()) && since.elapsed() < sockets.limits.last_try();
        // One that has worked is worth a try, whoever else could take over.
        let tries = sockets.limits.retries.max(u32::from(worked)) as usize;
        let wanted = error.retry_after.unwrap_or_default();
        let may_pass = may_pass && wanted <= sockets.limits.answer;
        let Some(pause) = PAUSES.iter().take(tries).nth(failures).filter(|_| may_pass) else {
            return Ended::Failed(error);
        };
        failures += 1;
        warn!(retry = failures, "speech to text is connected again: {error}");
        if let Err(over) = hearing.during(sleep(wanted.max(*pause))).await {
            return over.into();
        }
    }
}

/// How a connection came to a good end.
enum Served {
    /// Nobody listens any more.
    Over,
    /// It has lived as long as one may, and nobody speaks.
    Aged,
}

/// One connection, until it breaks.
async fn serve(
    hearing: &mut Hearing,
    sockets: &Sockets,
    mut dialect: Box<dyn Dialect>,
    works: &(dyn Fn() + Send + Sync),
) -> Result<Served, Broken> {
    hearing.asks();
    let query = dialect.query(&hearing.spoken);
    let mut socket = match hearing.during(sockets.connect(dialect.path(), &query)).await {
        Ok(connected) => connected?,
        Err(Over) => return Ok(Served::Over),
    };
    let (connected, finals) = (Instant::now(), hearing.finals);
    hearing.unsettled.reconnect();
    hearing.finality.connected(connected.into(), sockets.limits.answer, dialect.answers());
    let served = converse(hearing, &mut socket, &mut *dialect, works).await;
    if served.is_ok()
        && let Some(close) = dialect.close()
    {
        // Who does not hear it is gone.
        drop(socket.send(&close).await);
    }
    socket.close().await;
    let worked = connected.elapsed() >= WORKED || hearing.finals > finals;
    served.map_err(|error| Broken { error, connected: true, worked })
}

async fn converse(
    hearing: &mut Hearing,
    socket: &mut JsonSocket,
    dialect: &mut dyn Dialect,
    works: &(dyn Fn() + Send + Sync),
) -> Result<Served, ProviderError> {
    if let Some(open) = dialect.open(&hearing.spoken) {
        socket.send(&open).await?;
    }
    let aged_at = dialect.lifetime().map(|lifetime| Instant::now() + lifetime);
    let mut rate = Rate::between(RATE, dialect.sample_rate())?;
    // What broke in the middle of an utterance is asked for again.
    let mut is_asked_for = hearing.finality.is_asked();
    let mut pong_due = None;
    loop {
        if aged_at.is_some_and(|aged_at| aged_at <= Instant::now()) && !hearing.is_busy() {
            return Ok(Served::Aged);
        }
        while (dialect.wants_silence() || hearing.is_busy())
            && let Some(piece) = hearing.unsettled.next_piece(PIECE, is_asked_for)
        {
            if !hearing.may_send(piece.len()) {
                // The budget is used up, and ends the call.
                return Ok(Served::Over);
            }
            socket.send(&dialect.audio(&rate.next(piece)?)).await?;
        }
        if std::mem::take(&mut is_asked_for) {
            if let Some(finalize) = dialect.finalize() {
                socket.send(&finalize).await?;
            }
            // By the answer a dead connection is told from a service that has nothing to say.
            socket.ping().await?;
            pong_due = Some(Instant::now() + PONG_LIMIT);
        }
        let deadline = hearing.finality.deadline();
        let taken = tokio::select! {
            ended = hearing.next() => ended.map(|ended| is_asked_for = ended && hearing.finality.is_asked()),
            text = socket.next() => {
                let mut told = Ok(());
                for said in dialect.read(&text?)? {
                    works();
                    told = hearing.said(said).await;
                }
                told
            }
            () = sleep_until(pong_due.unwrap_or_else(Instant::now)), if pong_due.is_some() => {
                socket.answered()?;
                pong_due = None;
                Ok(())
            }
            () = sleep_until(deadline.unwrap_or_else(std::time::Instant::now).into()), if deadline.is_some() => {
                socket.answered()?;
                hearing.expire().await
            }
        };
        if let Err(Over) = taken {
            return Ok(Served::Over);
        }
        // A noise that is speech for nobody else has no words.
        if is_asked_for && dialect.hears_nothing() && hearing.said(Said::Finalized).await == Err(Over) {
            return Ok(Served::Over);
        }
    }
}
