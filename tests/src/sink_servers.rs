//! What a sink stands between: a nats-server and an S3 server, without the rest of the stack.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream;
use tempfile::TempDir;
use test_servers::{Program, Signal, free_port};

use crate::environment::{Environment, program};
use crate::stack::ready;
use crate::stack::service::{self, Service};
use crate::stack::settings::queue_and_archive;
use crate::wait_for;

/// Servers on ports of their own; they end when this is dropped.
#[derive(Debug)]
pub struct SinkServers {
    /// Their addresses and keys.
    pub environment: Environment,
    pub nats: Program,
    /// Runs from [`Self::start_s3`] to [`Self::stop_s3`].
    pub s3: Program,
    s3_service: Service,
    /// Where they keep their files; last, so that it is removed after they have ended.
    pub folder: TempDir,
}

impl SinkServers {
    /// Starts nats-server and waits until JetStream answers.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        let mut environment = queue_and_archive();
        environment.set("SINK_S3_HTTP", format!("127.0.0.1:{}", free_port()));
        let services =
            [service::nats(folder.path(), &environment)?, service::s3(folder.path(), &environment)?];
        for service in &services {
            service.prepare(folder.path())?;
        }
        let [mut nats, s3] = services.each_ref().map(|service| service.child(folder.path()));
        nats.start()?;
        let url = environment.get("NATS_URL")?;
        wait_for("nats-server", Duration::from_secs(40), || async {
            let client = async_nats::connect(url).await?;
            Ok(jetstream::new(client).query_account().await.ok().map(drop))
        })
        .await?;
        let [_, s3_service] = services;
        Ok(Self { nats, s3, s3_service, environment, folder })
    }

    /// Starts the S3 server and waits until it answers.
    pub async fn start_s3(&mut self) -> Result<()> {
        self.s3.start()?;
        ready(&self.s3_service.ready, &self.s3).await
    }

    /// Ends the S3 server.
    pub fn stop_s3(&mut self) -> Result<()> {
        self.s3.stop(Signal::Terminate)?;
        Ok(())
    }

    /// `sink-s3 setup` on these servers, or with another store in the S3 server's place.
    pub fn set_up(&self, environment: &Environment) -> Result<()> {
        let log = self.folder.path().join("setup.log");
        let setup = Program::new(program("sink-s3")?, &[], environment, log);
        setup.run(&["setup", "--create-bucket"])?;
        Ok(())
    }
}
