//! Has an agent dispatched again to rooms whose participant waits without one. LiveKit dispatches a room once: a call that
//! came while no place was free, or whose worker died, would have no agent for ever.
//!
//! A dispatch is a standing order for an agent. Of an order that has stood for too long while somebody waited, a worker with
//! a free place takes over the execution: it deletes it, and where LiveKit says that it was still there, orders the same anew.
//! Of all who delete a dispatch LiveKit tells one that it was there, so one worker acts, though none knows of the others; and
//! it ends the job of a dispatch that is deleted, so an agent that is late does not come beside the new one. Whether a job goes
//! on is not to be learnt of dispatches, in which LiveKit does not note the end of a job: who is in the room is what counts.
//! Where there is no order, nobody wants an agent. So whoever ends a call on purpose takes the order away.
//!
//! `company` reads LiveKit's lists, `waiting` decides who has waited for too long, `rounds` which rooms are looked at: they have
//! neither IO nor a clock. Two gaps are left. A worker that dies between the two requests leaves a room without order. And an
//! agent whose job LiveKit did not know any more (it was frozen for more than 3 s when it was offered) may come late: the session
//! finds the other in the room, and leaves.

mod company;
mod rounds;
mod waiting;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, stream};
use livekit_protocol::CreateAgentDispatchRequest;
use service::{Backoff, Seldom};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::company::{Company, Seen};
use self::rounds::{Next, Place, Rounds, may_wait};
use self::waiting::Waiting;
use super::status::WorkerStatus;
use crate::configuration::WorkerArgs;
use crate::metrics::Metrics;
use crate::room_service::RoomService;

/// Rounds in the time that a participant may wait.
const ROUNDS: u32 = 4;
/// Shortest pause between two rounds. After a long round it is this many times as long as the round, up to a limit.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const PAUSES: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Pauses while LiveKit does not list its rooms.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
/// Rooms that are looked at in one round, each with two requests at most, and how many at a time.
const LOOKS: usize = 50;
const LOOKS_AT_A_TIME: usize = 8;
/// Longest that a worker that stops may take to give back orders.
const LAST_LIMIT: Duration = Duration::from_secs(5);

/// Watches until `shutdown`; not at all where `agent_redispatch_after` is zero.
pub async fn run(
    rooms: RoomService,
    args: WorkerArgs,
    metrics: Metrics,
    status_rx: watch::Receiver<WorkerStatus>,
    shutdown: CancellationToken,
) {
    let after = args.agent_redispatch_after;
    if after.is_zero() {
        return;
    }
    let mut watchdog = Watchdog {
        rooms,
        agent_name: args.agent_name,
        after,
        metrics,
        status_rx,
        rounds: Rounds::default(),
        waiting: Waiting::new(after),
        owed: Vec::new(),
    };
    let mut failures = 0;
    let mut complaints = Seldom::default();
    let mut took = Duration::ZERO;
    loop {
        // Workers that have started together do not ask together.
        let usual = (after / ROUNDS).mul_f64(rand::random_range(0.75..1.25)).max(SHORTEST_PAUSE);
        let pause = if failures == 0 { usual } else { usual.max(BACKOFF.pause(failures)) };
        let pause = pause.max(LONGEST_PAUSE.min(took * PAUSES));
        if shutdown.run_until_cancelled(sleep(pause)).await.is_none() {
            break;
        }
        // Where the worker has lost LiveKit, requests would fail as well.
        if watchdog.status_rx.borrow().worker_id.is_none() {
            continue;
        }
        let began = Instant::now();
        match shutdown.run_until_cancelled(watchdog.round()).await {
            None => break,
            Some(Ok(())) => failures = 0,
            Some(Err(error)) => {
                failures += 1;
                if let Some(before) = complaints.now(began.into()) {
                    warn!(not_logged = before, "rooms without an agent are not looked after: {error:#}");
                }
            }
        }
        took = began.elapsed();
    }
    if timeout(LAST_LIMIT, watchdog.give_back(true)).await.is_err() || !watchdog.owed.is_empty() {
        warn!(rooms = watchdog.owed.len(), "rooms stay without an agent: LiveKit does not take its dispatch");
    }
}

struct Watchdog {
    rooms: RoomService,
    agent_name: String,
    after: Duration,
    metrics: Metrics,
    status_rx: watch::Receiver<WorkerStatus>,
    rounds: Rounds,
    waiting: Waiting,
    /// Orders that were taken away, or may have been, and not yet given again.
    owed: Vec<Owed>,
}

struct Owed {
    place: Place,
    order: CreateAgentDispatchRequest,
    /// Until then another worker may be about to give it.
    not_before: Instant,
}

impl Watchdog {
    /// # Errors
    /// LiveKit does not list its rooms.
    async fn round(&mut self) -> anyhow::Result<()> {
        let listed = self.rooms.rooms().await?;
        let own = self.status_rx.borrow().rooms.clone();
        self.rounds.keep(&listed);
        self.waiting.keep(|sid| self.rounds.knows(sid));
        for room in listed.iter().filter(|room| !may_wait(room, &own)) {
            self.waiting.nobody_waits(&room.sid);
        }
        self.give_back(false).await;
        let chosen = self.rounds.choose(&listed, &own, LOOKS, Instant::now());
        let (rooms, agent_name) = (&self.rooms, self.agent_name.as_str());
        let looks: Vec<_> = stream::iter(chosen)
            .map(move |place| async move { (look(rooms, agent_name, &place.name).await, place) })
            .buffer_unordered(LOOKS_AT_A_TIME)
            .collect()
            .await;
        for (seen, place) in looks {
            self.note(&place, seen);
        }
        self.metrics.rooms_without_agent(self.waiting.count());
        self.act().await;
        Ok(())
    }

    fn note(&mut self, place: &Place, seen: anyhow::Result<Seen>) {
        let now = Instant::now();
        match seen {
            Ok(seen) => {
                self.waiting.saw(place, &seen, now);
                self.rounds.looked(place, seen.next(), now);
            }
            Err(error) => {
                debug!(room = ?place.name, "a room is not looked after: {error:#}");
                self.rounds.looked(place, Next::Later, now);
            }
        }
    }

    /// Has agents dispatched again, the longest wait first, and no more than could be taken here: where no place is free, who
    /// waits goes on waiting.
    async fn act(&mut self) {
        let free_places = self.status_rx.borrow().free_places;
        let mut dispatched = 0;
        for place in self.waiting.overdue() {
            if dispatched >= free_places || self.status_rx.borrow().free_places == 0 {
                return;
            }
            match self.redispatch(&place).await {
                Ok(true) => dispatched += 1,
                Ok(false) => {}
                Err(error) => warn!(room = ?place.name, "no agent is dispatched again: {error:#}"),
            }
        }
    }

    /// Whether this worker was the one to do it.
    async fn redispatch(&mut self, place: &Place) -> anyhow::Result<bool> {
        // Whoever has waited so far may be served now, or gone.
        let seen = look(&self.rooms, &self.agent_name, &place.name).await?;
        let orders = seen.orders.clone();
        self.note(place, Ok(seen));
        if !self.waiting.is_overdue(&place.sid) || self.status_rx.borrow().rooms.contains(&place.name) {
            return Ok(false);
        }
        // All workers begin with the oldest, so that one of them takes it.
        let [oldest, others @ ..] = orders.as_slice() else { return Ok(false) };
        let order = company::again(oldest, &place.name);
        // Before it is taken, so that it is known whatever comes in between.
        let not_before = Instant::now() + self.after;
        self.owed.push(Owed { place: place.clone(), order: order.clone(), not_before });
        if !self.rooms.delete_dispatch(&place.name, &oldest.id).await? {
            self.owed.pop();
            return Ok(false);
        }
        if let Some(owed) = self.owed.last_mut() {
            owed.not_before = Instant::now();
        }
        for other in others {
            if let Err(error) = self.rooms.delete_dispatch(&place.name, &other.id).await {
                debug!(room = ?place.name, "an order for the same agent stays: {error:#}");
            }
        }
        self.create(&order).await?;
        self.owed.pop();
        Ok(true)
    }

    /// Gives the orders again that were taken away and that nobody has given since; those too, `at_last`, that another worker
    /// may be about to give.
    async fn give_back(&mut self, at_last: bool) {
        let mut index = 0;
        while let Some(owed) = self.owed.get(index) {
            let is_due = at_last || owed.not_before <= Instant::now();
            if !self.rounds.knows(&owed.place.sid) || is_due && self.is_settled(owed).await {
                self.owed.swap_remove(index);
            } else {
                index += 1;
            }
        }
    }

    /// Whether the room has an order, or an agent, or has now been given its order again.
    async fn is_settled(&self, owed: &Owed) -> bool {
        let settled = async {
            let seen = look(&self.rooms, &self.agent_name, &owed.place.name).await?;
            match seen.company {
                Company::Served => Ok(true),
                Company::Waiting(_) if seen.orders.is_empty() => {
                    self.create(&owed.order).await.map(|()| true)
                }
                Company::Waiting(_) => Ok(true),
                Company::Connecting | Company::Nobody => Ok(false),
            }
        };
        settled.await.unwrap_or_else(|error: anyhow::Error| {
            debug!(room = ?owed.place.name, "no agent is dispatched again yet: {error:#}");
            false
        })
    }

    async fn create(&self, order: &CreateAgentDispatchRequest) -> anyhow::Result<()> {
        self.rooms.create_dispatch(order).await?;
        self.metrics.room_redispatched();
        info!(room = ?order.room, "somebody waits without an agent: one is dispatched again");
        Ok(())
    }
}

async fn look(rooms: &RoomService, agent_name: &str, room: &str) -> anyhow::Result<Seen> {
    let participants = rooms.participants(room).await.context("look into a room")?;
    let company = company::of(&participants, agent_name);
    let orders = match company {
        Company::Waiting(_) => company::orders(rooms.dispatches(room).await?, agent_name),
        Company::Served | Company::Connecting | Company::Nobody => Vec::new(),
    };
    Ok(Seen { company, orders })
}

#[cfg(test)]
mod tests;
