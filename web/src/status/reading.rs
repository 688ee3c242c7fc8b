//! One reading for all viewers, and since when something cannot be read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use futures::future::join_all;
use service::{Connection, Nats};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::configuration::{MetricsSource, StatusSettings};
use super::overview::call::Event;
use super::overview::dead_letters::DeadLetters;
use super::overview::progress::{ARCHIVE, Progress, SALESFORCE};
use super::overview::text::shown;
use super::overview::{Away, LastEvents, Overview, Part, Program, Read};
use super::programs;
use super::streams::{self, Letters, Sessions};

/// For how long a reading is shown: however many look, it is made once.
const FRESH: Duration = Duration::from_secs(5);
/// For each of the two steps in which the streams are read.
const STEP: Duration = Duration::from_secs(3);
/// Longest reason that is shown, in characters.
const LONGEST_REASON: usize = 240;

/// Reads when somebody looks.
pub(super) struct Reader {
    metrics: Vec<MetricsSource>,
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    sessions: Sessions,
    letters: Letters,
    outages: Outages,
    latest: Option<(Instant, Arc<Overview>)>,
}

/// Since when each thing cannot be read, by its name.
#[derive(Default)]
struct Outages(HashMap<String, DateTime<Utc>>);

impl Reader {
    /// Connects in the background.
    ///
    /// # Errors
    /// A setting of NATS cannot be used.
    pub(super) async fn connect(settings: &StatusSettings) -> anyhow::Result<Self> {
        let nats: &Nats = &settings.nats;
        let connection = nats.keep_connected("web status").await?;
        let (sessions, letters, outages) = Default::default();
        let state = State { connection, sessions, letters, outages, latest: None };
        Ok(Self { metrics: settings.metrics.0.clone(), state: Mutex::new(state) })
    }

    /// What there is to see, some seconds old at most.
    pub(super) async fn overview(&self) -> Arc<Overview> {
        let mut state = self.state.lock().await;
        if let Some((read_at, overview)) = &state.latest
            && read_at.elapsed() < FRESH
        {
            return Arc::clone(overview);
        }
        let counts = join_all(self.metrics.iter().map(programs::counts));
        let (streams, counts) = tokio::join!(state.read_streams(), counts);
        let now = Utc::now();
        let outages = &mut state.outages;
        let programs = self.metrics.iter().zip(counts).map(|(source, counts)| {
            let name = format!("{} {}", source.name, source.address);
            Program { name: source.name.clone(), counts: outages.part(name, counts, now) }
        });
        let programs = programs.collect();
        let read = Read {
            events: outages.part("sessions", streams.events, now),
            archive: outages.part(ARCHIVE, streams.archive, now),
            salesforce: outages.part(SALESFORCE, streams.salesforce, now),
            dead_letters: outages.part("dead letters", streams.dead_letters, now),
            programs,
        };
        let overview = Arc::new(Overview::of(read, now));
        state.latest = Some((Instant::now(), Arc::clone(&overview)));
        overview
    }
}

struct Streams {
    events: anyhow::Result<LastEvents>,
    archive: anyhow::Result<Option<Progress>>,
    salesforce: anyhow::Result<Option<Progress>>,
    dead_letters: anyhow::Result<DeadLetters>,
}

impl State {
    /// A dead letter is stored before its message is acknowledged, so it is looked for after the consumers: no message passes
    /// for written in between.
    async fn read_streams(&mut self) -> Streams {
        if self.connection.has_ended()
            && let Ok(connection) = timeout(STEP, self.connection.renew()).await
        {
            self.connection = connection;
        }
        if let Some(trouble) = self.connection.trouble() {
            let away = || anyhow!(trouble.clone());
            return Streams {
                events: Err(away()),
                archive: Err(away()),
                salesforce: Err(away()),
                dead_letters: Err(away()),
            };
        }
        let jetstream = self.connection.jetstream.clone();
        let (events, archive, salesforce) = tokio::join!(
            in_time(self.sessions.read(&jetstream)),
            in_time(streams::progress(&jetstream, ARCHIVE)),
            in_time(streams::progress(&jetstream, SALESFORCE)),
        );
        let events_read = events.iter().flat_map(|last| &last.events);
        let since = events_read.filter_map(|event: &Event| event.published).min();
        let dead_letters = in_time(self.letters.read(&jetstream, since)).await;
        Streams { events, archive, salesforce, dead_letters }
    }
}

async fn in_time<T>(reading: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(STEP, reading).await.with_context(|| format!("not read within {} s", STEP.as_secs()))?
}

impl Outages {
    fn part<T>(&mut self, name: impl Into<String>, read: anyhow::Result<T>, now: DateTime<Utc>) -> Part<T> {
        let name = name.into();
        match read {
            Ok(part) => {
                self.0.remove(&name);
                Part::Read(part)
            }
            Err(error) => {
                let not_reachable_since = *self.0.entry(name).or_insert(now);
                Part::Away(Away { not_reachable_since, why: shown(&format!("{error:#}"), LONGEST_REASON) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_a_beginning_and_an_end() {
        let mut outages = Outages::default();
        let at = |minute: i64| DateTime::from_timestamp(60 * minute, 0).unwrap();
        let mut since = |minute, read: Result<(), &str>| {
            let part = outages.part("sessions", read.map_err(|why| anyhow!(why.to_owned())), at(minute));
            part.read().err().map(|away| (away.not_reachable_since, away.why.clone()))
        };
        assert_eq!(since(1, Ok(())), None);
        assert_eq!(since(2, Err("refused")), Some((at(2), "refused".to_owned())));
        assert_eq!(since(5, Err("no answer")), Some((at(2), "no answer".to_owned())));
        assert_eq!(since(6, Ok(())), None);
        assert_eq!(since(7, Err("refused")), Some((at(7), "refused".to_owned())));
    }
}
