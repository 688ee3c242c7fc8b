//! The stack, the Prometheus that watches it, and what was shown of each alert.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use test_deploy::repository;
use test_servers::{Program, free_port};
use tests::chaos::Worker;
use tests::chaos::disk::{self, Disk};
use tests::chaos::fault::{Fault, Link, Part};
use tests::chaos::proxy::Mode;
use tests::chaos::queue;
use tests::chaos::stage::{Cast, Stage, spool};
use tests::conversation;
use tests::stack::service;
use tests::wait_for;
use tokio::time::sleep;

use super::calls::change;
use super::rules;
use super::tool_server::ToolServer;
use super::watch::Watch;
use crate::prometheus::Prometheus;

/// Until an alert fires, and until it has stopped: several times what the slowest takes.
const LIMIT: Duration = Duration::from_secs(180);
/// The promises' longest short window is six hours.
const LONG_LIMIT: Duration = Duration::from_secs(480);
const LOOK: Duration = Duration::from_millis(100);

/// Places of the agent.
pub(super) const PLACES: usize = 6;
/// Who has a Lead.
const PEOPLE: usize = 10;
/// JetStream's own two minutes, as much faster as the rules.
const SYNC_INTERVAL: &str = "2s";
/// The settings with the addresses of the programs' metrics.
const METRICS: [&str; 4] = ["AGENT_HTTP", "WEB_OPERATIONS_HTTP", "SINK_S3_HTTP", "SINK_SALESFORCE_HTTP"];

const TOOL: &str = r#"
[[tools]]
name = "look_up_order"
description = "Looks up an order."
url = "http://127.0.0.1:PORT/orders"
time_limit = "2s"
[tools.parameters]
type = "object"
required = ["number"]
[tools.parameters.properties]
number = { type = "integer" }
"#;

/// An alert, and what was done to the stack for it.
struct Case {
    alert: &'static str,
    fault: &'static str,
    made: Instant,
    fired: Option<Instant>,
    mended: Option<Instant>,
    stopped: Option<Instant>,
    /// Others that fired meanwhile.
    besides: BTreeSet<String>,
}

/// All of it ends with this.
pub(super) struct Run {
    pub(super) stage: Stage,
    pub(super) people: Vec<String>,
    pub(super) folder: PathBuf,
    pub(super) sentence: PathBuf,
    pub(super) tool_port: u16,
    pub(super) tool: Option<ToolServer>,
    prometheus: Prometheus,
    watch: Watch,
    cases: Vec<Case>,
    faults: usize,
}

impl Run {
    /// Starts it in a folder of this number, and waits until the rules are evaluated.
    pub(super) async fn start(number: usize) -> Result<Self> {
        tests::install_tls();
        let folder = repository().canonicalize().context("find the repository")?;
        let folder = folder.join(".run/alerts").join(number.to_string());
        disk::unmount(&spool(&folder));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).context("remove what an earlier run left")?;
        }
        let disk = Disk::mount(&spool(&folder))?.context("mount a disk that can be full: this needs root")?;
        let (persona, tool_port) = (folder.join("persona.toml"), free_port());
        let text = std::fs::read_to_string(repository().join("agent/personas/pandadoc-trial.toml"))?;
        std::fs::write(&persona, text + &TOOL.replace("PORT", &tool_port.to_string()))?;
        let people: Vec<_> = (0..PEOPLE).map(|number| format!("caller-{number}@company.example")).collect();
        let settings = [
            ("AGENT_CAPACITY", PLACES.to_string()),
            ("AGENT_PERSONA", persona.to_string_lossy().into_owned()),
            ("NATS_SYNC_INTERVAL", SYNC_INTERVAL.to_owned()),
        ];
        let links = [Link::S3, Link::Salesforce, Link::LiveKit];
        let cast = Cast {
            people: &people,
            worker: Worker::Ours,
            is_clustered: false,
            links: &links,
            settings: &settings,
            tells_tasks: false,
        };
        let stage = Stage::start(&folder, Some(disk), None, &cast).await?;
        let sentence = folder.join("sentence.wav");
        conversation::speak("we are twelve people", &sentence)?;
        let tool = ToolServer::start(tool_port).await?;
        let targets: Vec<_> =
            METRICS.iter().map(|name| Ok(stage.environment.get(name)?.to_owned())).collect::<Result<_>>()?;
        let file = folder.join("rules.yaml");
        std::fs::write(&file, rules::faster().to_string())?;
        let prometheus = Prometheus::start(&folder, &file, &targets);
        let watch = Watch::begin(prometheus.port());
        let run = Self {
            stage,
            people,
            folder,
            sentence,
            tool_port,
            tool: Some(tool),
            prometheus,
            watch,
            cases: Vec::new(),
            faults: 0,
        };
        let everything = format!("sum(up) == {}", METRICS.len());
        wait_for("all programs to be watched", LIMIT, || async {
            Ok((run.watch.is_there() && run.value(&everything).is_some()).then_some(()))
        })
        .await
        .with_context(|| run.prometheus.end_of_log())?;
        Ok(run)
    }

    /// The value of an expression's only series.
    pub(super) fn value(&self, expression: &str) -> Option<f64> {
        self.prometheus.query(expression)?[0]["value"][1].as_str()?.parse().ok()
    }

    /// A fault is about to be made by which alerts are to fire that do not.
    pub(super) fn about_to(&mut self, fault: &'static str, alerts: &[&'static str]) -> Result<()> {
        for &alert in alerts {
            ensure!(!self.watch.fires(alert), "{alert} fires before its fault");
            self.cases.push(Case {
                alert,
                fault,
                made: Instant::now(),
                fired: None,
                mended: None,
                stopped: None,
                besides: BTreeSet::new(),
            });
        }
        Ok(())
    }

    /// Waits until each rule of these alerts has fired since its fault was made.
    pub(super) async fn fire(&mut self, alerts: &[&str]) -> Result<()> {
        for alert in alerts {
            let (made, began) = (self.case(alert)?.made, Instant::now());
            let fired = loop {
                if let Some(fired) = self.watch.fired_since(alert, made) {
                    break fired;
                }
                ensure!(began.elapsed() < LIMIT, "{alert} does not fire:\n{}", self.states(alert));
                sleep(LOOK).await;
            };
            self.case(alert)?.fired = Some(fired);
        }
        Ok(())
    }

    /// Whether [`Self::fire`] would return at once, for a fault that has to be made on and on.
    pub(super) fn have_fired(&mut self, alerts: &[&str]) -> Result<bool> {
        for alert in alerts {
            let made = self.case(alert)?.made;
            if self.watch.fired_since(alert, made).is_none() {
                ensure!(made.elapsed() < LIMIT, "{alert} does not fire:\n{}", self.states(alert));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Their fault was undone at this moment.
    pub(super) fn mended(&mut self, alerts: &[&str]) -> Result<()> {
        for alert in alerts {
            self.case(alert)?.mended = Some(Instant::now());
        }
        Ok(())
    }

    /// Waits until none of these alerts fires.
    pub(super) async fn stop(&mut self, alerts: &[&str]) -> Result<()> {
        for alert in alerts {
            self.stop_within(alert, LIMIT).await?;
        }
        Ok(())
    }

    /// Waits until none of the alerts fires whose fault was mended long ago.
    pub(super) async fn stop_all(&mut self) -> Result<()> {
        let open: Vec<_> =
            self.cases.iter().filter(|case| case.stopped.is_none()).map(|case| case.alert).collect();
        for alert in open {
            self.stop_within(alert, LONG_LIMIT).await?;
        }
        Ok(())
    }

    async fn stop_within(&mut self, alert: &str, limit: Duration) -> Result<()> {
        let began = Instant::now();
        let stopped = loop {
            if let Some(stopped) = self.watch.stopped(alert) {
                break stopped;
            }
            ensure!(began.elapsed() < limit, "{alert} does not stop:\n{}", self.states(alert));
            sleep(LOOK).await;
        };
        let made = self.case(alert)?.made;
        let besides = self.watch.seen_since(made);
        let case = self.case(alert)?;
        (case.stopped, case.besides) = (Some(stopped), besides);
        Ok(())
    }

    fn case(&mut self, alert: &str) -> Result<&mut Case> {
        self.cases
            .iter_mut()
            .find(|case| case.alert == alert)
            .with_context(|| format!("{alert} has no fault"))
    }

    /// What Prometheus has of an alert.
    fn states(&self, alert: &str) -> String {
        format!("{:?}", self.prometheus.query(&format!("ALERTS{{alertname=\"{alert}\"}}")))
    }

    /// Begins a fault of the stage's; its number ends it.
    pub(super) async fn begin(&mut self, fault: Fault) -> Result<usize> {
        self.faults += 1;
        self.stage.begin(self.faults, fault).await?;
        Ok(self.faults)
    }

    /// The same of how connections to a server fare.
    pub(super) fn pass(&mut self, link: Link, mode: Mode) -> Result<usize> {
        self.faults += 1;
        self.stage.pass(link, self.faults, mode)?;
        Ok(self.faults)
    }

    pub(super) async fn end(&mut self, number: usize, fault: Fault) -> Result<()> {
        self.stage.end(number, fault).await
    }

    /// Kills a program, does something, and starts it again.
    pub(super) async fn restart(
        &mut self,
        part: Part,
        meanwhile: impl AsyncFnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let kill = Fault::Kill(part);
        let number = self.begin(kill).await?;
        meanwhile(self).await?;
        self.end(number, kill).await?;
        self.stage.part(part)?.ready().await
    }

    /// Where the simulated speech and language services are.
    pub(super) fn services(&self) -> Result<String> {
        let url = self.stage.environment.get("OPENAI_SIMULATOR_URL")?;
        Ok(url.strip_suffix("/v1").unwrap_or(url).to_owned())
    }

    /// Changes settings of the simulated Salesforce.
    pub(super) async fn change_org(&self, settings: Value) -> Result<()> {
        let url = format!("{}/simulator/settings", self.stage.environment.get("SALESFORCE_URL")?);
        change(reqwest::Client::new().post(url).json(&settings)).await
    }

    /// Changes settings of the simulated services.
    pub(super) async fn change_services(&self, settings: Value) -> Result<()> {
        let url = format!("{}/simulator/settings", self.services()?);
        change(reqwest::Client::new().post(url).json(&settings)).await
    }

    /// A sink's command, with an operator's rights.
    pub(super) fn operator(&self, sink: &str) -> Result<Program> {
        service::operators(sink, &self.stage.environment, &self.folder)
    }

    /// Waits until the sinks have settled all that there is.
    pub(super) async fn settled(&self) -> Result<()> {
        wait_for("the sinks to settle all messages", LIMIT, || async {
            let unsettled = queue::unsettled(&self.stage.environment).await?;
            ensure!(unsettled.is_empty(), "{}", unsettled.join(", "));
            Ok(Some(()))
        })
        .await
    }

    /// The process of a program.
    pub(super) fn id(&mut self, part: Part) -> Result<u32> {
        self.stage.part(part)?.program.id().with_context(|| format!("{part} does not run"))
    }

    /// The alerts that were shown.
    pub(super) fn shown(&self) -> BTreeSet<&'static str> {
        let shown = self.cases.iter().filter(|case| case.fired.is_some() && case.stopped.is_some());
        shown.map(|case| case.alert).collect()
    }

    /// A row for each, and what fired beside it.
    pub(super) fn table(&self) -> String {
        let seconds = |from: Option<Instant>, to: Option<Instant>| {
            let time = to.zip(from).map(|(to, from)| to.saturating_duration_since(from));
            time.map_or_else(String::new, |time| format!("{:.0}", time.as_secs_f64()))
        };
        let mut rows = vec!["| alert | the fault | s to firing | s to stop | besides |".to_owned()];
        rows.push("|---|---|---|---|---|".to_owned());
        rows.extend(self.cases.iter().map(|case| {
            let (fires, stops) = (seconds(Some(case.made), case.fired), seconds(case.mended, case.stopped));
            let besides = case.besides.iter().filter(|other| *other != case.alert);
            let besides: Vec<_> = besides.map(|other| other.trim_start_matches("Postcall")).collect();
            format!("| {} | {} | {fires} | {stops} | {} |", case.alert, case.fault, besides.join(", "))
        }));
        let changed = rules::CHANGED.iter().map(|changed| {
            format!("{}: `{}` is `{}`, because {}", changed.alert, changed.from, changed.to, changed.why)
        });
        rows.into_iter().chain(changed).collect::<Vec<_>>().join("\n")
    }
}

/// What the simulated services take for a delay of the model.
pub(super) fn first_token_after(delay: Duration) -> Value {
    json!({ "first_token_delay_ms": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX) })
}
