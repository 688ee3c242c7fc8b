//! How each fault is brought about and undone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use schemas::names;
use serde_json::{Value, json};
use test_servers::copy_folder;

use super::fault::{Fault, Link, Part};
use super::process::Process;
use super::proxy::{Mode, Proxy};
use super::queue::{self, Room};
use super::stage::Stage;
use crate::stack::service::NATS_NAMES;

/// What each piece of a slow connection waits.
const SLOWNESS: Duration = Duration::from_millis(300);
/// A simulator that stands does not answer.
const LIMIT: Duration = Duration::from_secs(5);

impl Stage {
    /// Brings a fault about. It is undone by its number.
    ///
    /// # Errors
    /// A process cannot be ended, or a server does not do its part.
    pub async fn begin(&mut self, number: usize, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill(part) => self.struck_part(number, part).await?.kill()?,
            Fault::Freeze(part) => self.struck_part(number, part).await?.freeze(),
            Fault::Down(link) => self.pass(link, number, Mode::Down)?,
            Fault::Slow(link) => self.pass(link, number, Mode::Slow(SLOWNESS))?,
            Fault::Cut(link) => self.pass(link, number, Mode::Cut)?,
            Fault::Errors(Link::Nats) => {
                queue::limit_stream(&self.environment, names::SESSIONS_STREAM, Room::None).await?
            }
            Fault::Errors(link @ (Link::S3 | Link::LiveKit)) => self.pass(link, number, Mode::Unavailable)?,
            Fault::Errors(Link::Salesforce) => {
                let faults = json!({
                    "unavailable": { "share": 0.3 }, "lost_answers": { "share": 0.3 }, "expired_tokens": { "share": 0.2 },
                });
                self.simulate(&faults).await?;
            }
            Fault::PowerCut => self.note_disk(number)?,
            Fault::DiskFull => self.disk.as_ref().context("there is no disk to fill")?.fill()?,
            Fault::SecondWorker => self.second_worker.start()?,
            Fault::Clock(step) => self.set_clock(step.seconds())?,
        }
        Ok(())
    }

    /// Undoes it. Where that does not work, it can be tried again.
    ///
    /// # Errors
    /// A process cannot be started, or a server does not do its part.
    pub async fn end(&mut self, number: usize, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill(part) => self.released_part(number, part)?.revive()?,
            Fault::Freeze(part) => self.released_part(number, part)?.thaw(),
            Fault::Errors(Link::Nats) => {
                queue::limit_stream(&self.environment, names::SESSIONS_STREAM, Room::AsConfigured).await?
            }
            Fault::Errors(Link::Salesforce) => {
                self.simulate(&json!({ "unavailable": 0, "lost_answers": 0, "expired_tokens": 0 })).await?;
            }
            Fault::Down(link) | Fault::Slow(link) | Fault::Cut(link) | Fault::Errors(link) => {
                self.proxies_of(link)?.iter_mut().for_each(|proxy| proxy.end(number));
            }
            Fault::PowerCut => self.lose_power(number)?,
            Fault::DiskFull => self.disk.as_ref().context("there is no disk to clear")?.clear()?,
            Fault::SecondWorker => self.second_worker.retire(),
            Fault::Clock(_) => self.set_clock(0)?,
        }
        Ok(())
    }

    /// Has the connections to a server fare so, until the fault of this number ends.
    ///
    /// # Errors
    /// The server has no proxy.
    pub fn pass(&mut self, link: Link, number: usize, mode: Mode) -> Result<()> {
        self.proxies_of(link)?.iter_mut().for_each(|proxy| proxy.begin(number, mode));
        Ok(())
    }

    fn proxies_of(&mut self, link: Link) -> Result<&mut [Proxy]> {
        self.proxies.get_mut(&link).map(Vec::as_mut_slice).context("find a proxy")
    }

    /// Whom a fault strikes: of a cluster the leader of the stream.
    async fn struck_part(&mut self, number: usize, part: Part) -> Result<&mut Process> {
        let is_clustered = part == Part::Nats && self.parts.contains_key(&Part::Nats2);
        let struck = if is_clustered { queue::leader(&self.environment).await } else { None };
        let struck = struck.unwrap_or(part);
        self.struck.insert(number, struck);
        self.part(struck)
    }

    fn released_part(&mut self, number: usize, part: Part) -> Result<&mut Process> {
        let struck = self.struck.remove(&number).unwrap_or(part);
        self.part(struck)
    }

    fn set_clock(&self, seconds: i64) -> Result<()> {
        self.clock.as_ref().context("there is no clock to set")?.set(seconds).context("set the clock")
    }

    /// Sets what goes wrong with the calls of Salesforce's API.
    ///
    /// # Errors
    /// The simulator does not answer.
    pub async fn simulate(&self, faults: &Value) -> Result<()> {
        let url = format!("{}/simulator/faults", self.environment.get("SALESFORCE_URL")?);
        let client = reqwest::Client::builder().timeout(LIMIT).build().context("make HTTP client")?;
        let answer = client.post(url).json(faults).send().await.context("ask the simulator")?;
        answer.error_for_status().context("ask the simulator")?;
        Ok(())
    }

    /// Notes what the disks of nats-server hold now: all that is left of them after a power cut, if nothing is synced from now on.
    fn note_disk(&mut self, number: usize) -> Result<()> {
        let copy = self.folder.join(format!("power-cut-{number}"));
        let (stores, folder) = (self.stores(), self.folder.clone());
        // None writes meanwhile: those of a cluster lose their power together.
        self.each_nats(|nats| {
            nats.freeze();
            Ok(())
        })?;
        let copied = stores.iter().try_for_each(|store| copy_folder(&folder.join(store), &copy.join(store)));
        self.each_nats(|nats| {
            nats.thaw();
            Ok(())
        })?;
        self.power_cuts.insert(number, copy);
        copied.context("note what the disk of nats-server holds")
    }

    /// nats-server is gone at once, and so is what it wrote since. Go's programs call the kernel themselves, so nothing can be put
    /// between them and their `fsync`: what a cut leaves is put in the place of what they wrote.
    fn lose_power(&mut self, number: usize) -> Result<()> {
        let copy = self.power_cuts.remove(&number).context("find what the disk held")?;
        self.each_nats(Process::kill)?;
        for store in self.stores() {
            let (held, store) = (copy.join(&store), self.folder.join(&store));
            std::fs::remove_dir_all(&store).context("empty the disk of nats-server")?;
            copy_folder(&held, &store).context("put back what the disk of nats-server held")?;
        }
        self.each_nats(Process::revive)?;
        std::fs::remove_dir_all(&copy).context("forget what the disk held")
    }

    /// Where each nats-server writes, below the stage's folder.
    fn stores(&self) -> Vec<PathBuf> {
        let names = Part::NATS.iter().zip(NATS_NAMES).filter(|(part, _)| self.parts.contains_key(*part));
        names.map(|(_, name)| Path::new("data").join(name)).collect()
    }

    fn each_nats(&mut self, mut act: impl FnMut(&mut Process) -> Result<()>) -> Result<()> {
        let servers = self.parts.iter_mut().filter(|(part, _)| Part::NATS.contains(part));
        servers.map(|(_, process)| process).try_for_each(&mut act)
    }
}
