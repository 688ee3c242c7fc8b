//! The processes of a run, and what stands between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use test_servers::{SteppedClock, free_port, tool, workspace};

use super::disk::Disk;
use super::fault::{Link, Part};
use super::levels::{Holding, Levels, tasks};
use super::process::Process;
use super::proxy::Proxy;
use super::queue;
use crate::environment::Environment;
use crate::stack::service::{self, Ready, Service};
use crate::stack::settings::{self, Names, Ports};

/// How often what the processes hold is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// How long a second worker that is told to stop lets its calls go on.
const DRAIN_LIMIT: &str = "15s";
/// One that is busy answers later.
const METRICS_LIMIT: Duration = Duration::from_secs(1);
/// Where our programs show their metrics.
const METRICS: [(Part, &str); 4] = [
    (Part::Agent, "AGENT_HTTP"),
    (Part::Web, "WEB_OPERATIONS_HTTP"),
    (Part::SinkS3, "SINK_S3_HTTP"),
    (Part::SinkSalesforce, "SINK_SALESFORCE_HTTP"),
];

/// Who takes the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worker {
    Ours,
    /// A worker of the Python framework, as the benchmarks have it.
    Peer,
}

/// A stack on ports and in a folder of its own. It ends when this is dropped.
pub struct Stage {
    /// Addresses and keys of the servers themselves.
    pub environment: Environment,
    pub folder: PathBuf,
    pub parts: BTreeMap<Part, Process>,
    pub second_worker: Process,
    /// One before each server; a cluster has several.
    pub proxies: BTreeMap<Link, Vec<Proxy>>,
    /// By which our programs go, where it could be made.
    pub(super) clock: Option<SteppedClock>,
    /// Whom each fault has struck that kills or stops, by its number.
    pub(super) struck: BTreeMap<usize, Part>,
    /// What the processes have held.
    pub(super) levels: Levels,
    /// By which programs are asked for their tasks, where levels matter: one that stands would be waited for.
    metrics: Option<reqwest::Client>,
    next_look: Instant,
    /// What nats-server's disk held when a power cut began, by its number.
    pub(super) power_cuts: BTreeMap<usize, PathBuf>,
    /// Of the first worker's spool, where mounting is permitted; last, so that nobody uses it any more when it goes.
    pub disk: Option<Disk>,
}

/// What differs from stage to stage.
pub struct Cast<'a> {
    /// Each has a Lead.
    pub people: &'a [String],
    pub worker: Worker,
    /// Whether NATS is three servers.
    pub is_clustered: bool,
    /// Servers that our programs reach through a proxy.
    pub links: &'a [Link],
    /// Beside the settings of every stage, or in their place.
    pub settings: &'a [(&'a str, String)],
    /// Whether our programs are asked for their tasks.
    pub tells_tasks: bool,
}

impl Stage {
    /// Starts all but the second worker, and waits until they are ready.
    ///
    /// # Errors
    /// One of them cannot be started, or is not ready in time.
    pub async fn start(
        folder: &Path,
        disk: Option<Disk>,
        clock: Option<SteppedClock>,
        cast: &Cast<'_>,
    ) -> Result<Self> {
        let mut environment = new_environment(folder, cast.is_clustered)?;
        cast.settings.iter().for_each(|(name, value)| environment.set(name, value.as_str()));
        let (mut proxied, mut proxies) = (environment.clone(), BTreeMap::<Link, Vec<Proxy>>::new());
        for link in cast.links {
            for server in environment.get(link.setting())?.split(',').map(address) {
                let proxy = Proxy::start(server.clone()).await?;
                proxied = through(&proxied, &server, &proxy);
                proxies.entry(*link).or_default().push(proxy);
            }
        }
        for (name, value) in clock.iter().flat_map(SteppedClock::environment) {
            proxied.set(name, value);
        }
        let mut parts = BTreeMap::new();
        if cast.is_clustered {
            let ports = [free_port(), free_port(), free_port()];
            let [one, two, three] = service::nats_cluster(folder, &environment, ports)?;
            let servers = [(Part::Nats, one), (Part::Nats2, two), (Part::Nats3, three)];
            start(folder, servers, &mut parts).await?;
            queue::clustered(&environment).await?;
        } else {
            start(folder, [(Part::Nats, service::nats(folder, &environment)?)], &mut parts).await?;
        }
        let servers = [
            (Part::LiveKit, service::livekit(folder, &environment)?),
            (Part::S3, service::s3(folder, &environment)?),
            (Part::Salesforce, salesforce(folder, &environment, cast.people)?),
            (Part::OpenAi, service::openai(&environment)?),
        ];
        start(folder, servers, &mut parts).await?;
        let replicas = if cast.is_clustered { "3" } else { "1" };
        let setup = ["setup", "--create-bucket", "--replicas", replicas];
        service::operators("sink-s3", &environment, folder)?.run(&setup)?;
        service::operators("sink-salesforce", &environment, folder)?.run(&["setup"])?;
        let programs = [
            (Part::SinkS3, service::sink_s3(&proxied)?),
            (Part::SinkSalesforce, service::sink_salesforce(&proxied)?),
            (Part::Agent, agent(&proxied, cast.worker)?),
            (Part::Web, service::web(&proxied)?),
        ];
        start(folder, programs, &mut parts).await?;
        let metrics =
            reqwest::Client::builder().timeout(METRICS_LIMIT).build().context("make HTTP client")?;
        let metrics = cast.tells_tasks.then_some(metrics);
        let second = second_worker(folder, &proxied)?;
        let program = second.child(folder);
        let second_worker = Process::new(second, program);
        Ok(Self {
            environment,
            folder: folder.to_owned(),
            parts,
            second_worker,
            proxies,
            clock,
            struck: BTreeMap::new(),
            levels: Levels::default(),
            metrics,
            next_look: Instant::now(),
            power_cuts: BTreeMap::new(),
            disk,
        })
    }

    pub fn part(&mut self, part: Part) -> Result<&mut Process> {
        self.parts.get_mut(&part).with_context(|| format!("{part} is no part of this stack"))
    }

    /// Notes what the processes hold, now and then.
    pub(super) async fn look(&mut self) {
        if Instant::now() < self.next_look {
            return;
        }
        self.next_look = Instant::now() + LOOK;
        for (part, process) in &self.parts {
            let shown = METRICS.iter().find(|(shown, _)| shown == part);
            let address = shown.and_then(|(_, name)| self.environment.find(name));
            let tasks = match (&self.metrics, address) {
                (Some(client), Some(address)) => tasks(client, address).await,
                _ => None,
            };
            // One that was killed holds nothing.
            if let Some(Ok(holding)) = process.program.id().map(|id| Holding::of(id, tasks)) {
                self.levels.note(&part.to_string(), holding);
            }
        }
    }

    /// Starts again what ended by itself.
    pub(super) fn supervise(&mut self) -> Result<()> {
        self.parts.values_mut().chain([&mut self.second_worker]).try_for_each(Process::supervise)
    }
}

/// Where the spool of the first worker is, below a stage's folder.
pub fn spool(folder: &Path) -> PathBuf {
    folder.join("data/agent")
}

/// The same of the second one.
pub(super) fn second_spool(folder: &Path) -> PathBuf {
    folder.join("data/agent-2")
}

fn new_environment(folder: &Path, cluster: bool) -> Result<Environment> {
    let names = Names { agent_name: "postcall".to_owned(), s3_bucket: "sessions".to_owned() };
    // Who types and hums has no turns that a model could hear the end of.
    let settings = settings::new_settings(folder, &Ports::free(), &names)?.into_iter();
    let mut environment = Environment::from_iter(settings.filter(|(name, _)| *name != "TURN_DETECTOR_MODEL"));
    for unlimited in ["WEB_TOKENS", "WEB_TOKENS_PER_ADDRESS"] {
        environment.set(unlimited, "0");
    }
    // As a server comes: what it has acknowledged may go with its power.
    environment.set("NATS_SYNC_INTERVAL", "2m");
    // What was on its way when a connection broke is delivered again after four times this.
    environment.set("SALESFORCE_REQUEST_TIMEOUT", "10s");
    environment.set("LOG_FORMAT", "json");
    if cluster {
        let first = environment.get("NATS_URL")?.to_owned();
        let (login, _) = first.rsplit_once(':').context("find the port of NATS_URL")?;
        let others = [free_port(), free_port()].map(|port| format!("{login}:{port}")).join(",");
        environment.set("NATS_URL", format!("{first},{others}"));
    }
    Ok(environment)
}

/// Starts some at once, and waits until all are ready.
async fn start<const N: usize>(
    folder: &Path,
    services: [(Part, Service); N],
    parts: &mut BTreeMap<Part, Process>,
) -> Result<()> {
    let names = services.each_ref().map(|(part, _)| *part);
    for (part, service) in services {
        service.prepare(folder)?;
        let program = service.child(folder);
        let mut process = Process::new(service, program);
        process.start()?;
        parts.insert(part, process);
    }
    for part in names {
        parts[&part].ready().await?;
    }
    Ok(())
}

/// With a Lead for each person, and nobody else.
fn salesforce(folder: &Path, environment: &Environment, people: &[String]) -> Result<Service> {
    let leads: Vec<_> = people
        .iter()
        .enumerate()
        .map(|(number, email)| {
            json!({
                "Id": format!("00Q5f00000{number:05}"), "FirstName": "Cal", "LastName": format!("Caller {number}"),
                "Email": email, "Company": "Chaos Inc", "Status": "Open - Not Contacted", "OwnerId": "0055f000000Amy1",
            })
        })
        .collect();
    let file = folder.join("leads.json");
    let mut service = service::salesforce(environment)?;
    let seed = service.arguments.iter().position(|argument| argument == "--seed-file");
    let seed =
        seed.and_then(|flag| service.arguments.get_mut(flag + 1)).context("find the simulator's Leads")?;
    *seed = file.to_string_lossy().into_owned();
    // A real one does not forget when one of its machines dies.
    let state = folder.join("data/salesforce.json").to_string_lossy().into_owned();
    service.arguments.extend(["--state-file".to_owned(), state]);
    service.files.push((file, json!({ "Lead": leads }).to_string()));
    Ok(service)
}

fn agent(environment: &Environment, worker: Worker) -> Result<Service> {
    let mut service = service::agent(environment)?;
    match worker {
        // `dev` has no logs that a program reads.
        Worker::Ours => service.arguments = vec!["start".to_owned()],
        Worker::Peer => {
            let http = environment.get("AGENT_HTTP")?;
            service.program = tool("peers/bin/python");
            let script = workspace().join("tests/python/peer_worker.py").to_string_lossy().into_owned();
            service.arguments = vec![script, "start".to_owned()];
            // With a login that its client can use.
            service.environment.set("NATS_URL", environment.get("NATS_URL")?);
            service.environment.set("PEER_HTTP_PORT", http.rsplit(':').next().unwrap_or_default());
            service.ready = Ready::Answers(format!("http://{http}/"));
        }
    }
    Ok(service)
}

fn second_worker(folder: &Path, environment: &Environment) -> Result<Service> {
    let mut environment = environment.clone();
    environment.set("AGENT_HTTP", format!("127.0.0.1:{}", free_port()));
    environment.set("AGENT_SPOOL_DIR", second_spool(folder).to_string_lossy());
    environment.set("AGENT_DRAIN_LIMIT", DRAIN_LIMIT);
    Ok(Service { name: "agent-2", ..agent(&environment, Worker::Ours)? })
}

/// The same settings, with a proxy wherever a server's address stands.
fn through(environment: &Environment, server: &str, proxy: &Proxy) -> Environment {
    let proxy = proxy.address.to_string();
    environment.iter().map(|(name, value)| (name.clone(), value.replace(server, &proxy))).collect()
}

/// Host and port of a URL.
fn address(url: &str) -> String {
    url.rsplit(['/', '@']).next().unwrap_or_default().to_owned()
}
