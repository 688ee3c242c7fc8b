//! A store that keeps nothing: it takes objects as S3 does, after as long and as often as it is told, and remembers what
//! tells them apart. A process of its own, on the loopback interface.
//!
//! It checks no signatures, so what it costs is a lower bound of what a store costs, and the same for every client.

mod aws_chunked;
mod day;
mod listing;
mod objects;
mod server;
mod target;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use test_servers::free_port;
use tokio::net::TcpListener;

use self::day::Day;
pub(crate) use self::day::{DATE, DaySize};
pub(crate) use self::objects::{Compared, Counts};
use self::server::{Store, serve};
use crate::host::{Host, answer, copy_of_this};
use crate::payloads::Payloads;

/// How it treats what is put.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Behaviour {
    /// From the request to its answer.
    pub(crate) latency: Duration,
    /// Share of the puts that are answered with 503 SlowDown.
    pub(crate) refused: f64,
    /// Whether objects can be compared and read afterwards.
    pub(crate) keeps_bodies: bool,
}

#[derive(Serialize, Deserialize)]
struct Setup {
    address: SocketAddr,
    day: Option<DaySize>,
}

#[derive(Serialize, Deserialize)]
enum Question {
    /// Forgets all objects, and behaves so from now on.
    Begin(Behaviour),
    Counts,
    ParquetRows,
    Compare {
        payloads: Payloads,
        sessions: usize,
    },
}

/// The running store; it ends when this is dropped.
pub(crate) struct NullStore {
    host: Host,
    address: SocketAddr,
}

impl NullStore {
    /// Starts one with nothing in it but a day that it makes up.
    pub(crate) async fn start(folder: &Path, day: Option<DaySize>) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let command = copy_of_this("null-store", folder, "null-s3")?;
        let mut host = Host::start(command, folder.join("null-store.log"), &Setup { address, day }).await?;
        host.ready().await.context("start the null store")?;
        Ok(Self { host, address })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.host.id()
    }

    /// Forgets everything, and behaves like this from now on.
    pub(crate) async fn begin(&mut self, behaviour: Behaviour) -> Result<()> {
        self.ask(&Question::Begin(behaviour)).await
    }

    pub(crate) async fn counts(&mut self) -> Result<Counts> {
        self.ask(&Question::Counts).await
    }

    /// Rows of the Parquet files that were put.
    pub(crate) async fn parquet_rows(&mut self) -> Result<u64> {
        self.ask(&Question::ParquetRows).await
    }

    /// What it has, beside the first so many payloads; it must have kept the bodies.
    pub(crate) async fn compare(&mut self, payloads: Payloads, sessions: usize) -> Result<Compared> {
        self.ask(&Question::Compare { payloads, sessions }).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(&mut self, question: &Question) -> Result<T> {
        self.host.ask(&serde_json::to_string(question)?).await
    }
}

/// The store's process: it reads its setup and questions from standard input, and answers on standard output.
pub(crate) async fn run() -> Result<()> {
    // This thread is none of the runtime's workers: it may block.
    let mut lines = std::io::stdin().lines();
    let setup: Setup = serde_json::from_str(&lines.next().context("read setup")??).context("parse setup")?;
    let day = setup.day.map(Day::new).transpose().context("make up the day")?;
    let store = Arc::new(Store::new(day));
    let listener = TcpListener::bind(setup.address).await.context("listen")?;
    let serving = tokio::spawn(serve(listener, Arc::clone(&store)));
    answer("ready")?;
    for line in lines {
        let reply = match serde_json::from_str(&line?).context("parse a question")? {
            Question::Begin(behaviour) => {
                store.begin(behaviour);
                "null".to_owned()
            }
            Question::Counts => serde_json::to_string(&store.objects().counts)?,
            Question::ParquetRows => serde_json::to_string(&store.objects().parquet_rows()?)?,
            Question::Compare { payloads, sessions } => {
                serde_json::to_string(&store.objects().compare(payloads, sessions))?
            }
        };
        answer(&reply)?;
    }
    serving.abort();
    Ok(())
}
