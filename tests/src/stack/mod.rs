//! The development stack: real servers, a simulated Salesforce, simulated speech and language services, and our programs.
//! `make up` and the tests start the same [services](service); what starts them differs.

pub mod images;
pub mod needed;
pub mod service;
pub mod settings;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use test_servers::Program;

use crate::environment::Environment;
use crate::wait_for;
use service::{Ready, Service};
use settings::{Names, Ports};

/// Longest that a process has been seen to take to be ready on a busy machine, and half as much again.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A whole stack on ports of its own, in a folder of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Stack {
    /// Addresses, keys and names.
    pub environment: Environment,
    pub web: Program,
    pub agent: Program,
    pub sink_s3: Program,
    pub sink_salesforce: Program,
    pub salesforce: Program,
    /// Hears, thinks and speaks.
    pub openai: Program,
    pub s3: Program,
    pub nats: Program,
    pub livekit: Program,
    /// Where they keep their files; last, so that it is removed after they have ended.
    pub folder: TempDir,
}

impl Stack {
    /// Starts everything and waits until it is ready.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same, with further settings.
    pub async fn start_with(further: &[(&str, String)]) -> Result<Self> {
        crate::install_tls();
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let path = folder.path();
        let names = Names { agent_name: "postcall".to_owned(), s3_bucket: "sessions".to_owned() };
        let mut environment = Environment::from_iter(settings::new_settings(path, &Ports::free(), &names)?);
        further.iter().for_each(|(name, value)| environment.set(name, value.as_str()));
        let servers = [
            service::livekit(path, &environment)?,
            service::nats(path, &environment)?,
            service::s3(path, &environment)?,
            service::salesforce(&environment)?,
            service::openai(&environment)?,
        ];
        let [livekit, nats, s3, salesforce, openai] = start(path, servers).await?;
        service::operators("sink-s3", &environment, path)?.run(&["setup", "--create-bucket"])?;
        service::operators("sink-salesforce", &environment, path)?.run(&["setup"])?;
        let programs = [
            service::sink_s3(&environment)?,
            service::sink_salesforce(&environment)?,
            service::agent(&environment)?,
            service::web(&environment)?,
        ];
        let [sink_s3, sink_salesforce, agent, web] = start(path, programs).await?;
        Ok(Self {
            environment,
            web,
            agent,
            sink_s3,
            sink_salesforce,
            salesforce,
            openai,
            s3,
            nats,
            livekit,
            folder,
        })
    }

    /// Waits until the agent is registered.
    pub async fn agent_ready(&self) -> Result<()> {
        ready(&service::agent(&self.environment)?.ready, &self.agent).await
    }
}

/// Starts all of them at once, and waits until all are ready.
async fn start<const N: usize>(folder: &Path, services: [Service; N]) -> Result<[Program; N]> {
    for service in &services {
        service.prepare(folder)?;
    }
    let mut programs = services.each_ref().map(|service| service.child(folder));
    for program in &mut programs {
        program.start()?;
    }
    for (service, program) in services.iter().zip(&programs) {
        ready(&service.ready, program).await?;
    }
    Ok(programs)
}

/// Waits until a process works.
pub async fn ready(by: &Ready, program: &Program) -> Result<()> {
    let waited = wait_for("it to be ready", START_LIMIT, || async { by.ask().await.map(Some) }).await;
    waited.with_context(|| format!("its log:\n{}", program.log()))
}

impl Ready {
    /// Asks once; the error has what was answered.
    pub async fn ask(&self) -> Result<()> {
        const LIMIT: Duration = Duration::from_secs(2);
        match self {
            Self::Answers(url) => {
                let client = reqwest::Client::builder().timeout(LIMIT).build().context("make HTTP client")?;
                let answer = client.get(url).send().await.with_context(|| format!("ask {url}"))?;
                let status = answer.status();
                if !status.is_success() {
                    bail!("{url}: {status}\n{}", answer.text().await.unwrap_or_default());
                }
            }
            Self::Listens(address) => {
                let connection = tokio::net::TcpStream::connect(address);
                tokio::time::timeout(LIMIT, connection).await.context("wait")?.context(address.clone())?;
            }
        }
        Ok(())
    }
}
