//! Visitors who ask for tokens: a client that costs as little as it can, so that it keeps a server busy from one core.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(super) const AGENT_NAME: &str = "postcall";
/// Addresses of a visitor each, which come again and again.
const VISITORS: usize = 10_000;
const LIMIT: Duration = Duration::from_secs(20);

/// How long each answer took.
pub(super) struct Load(Vec<Duration>);

impl Load {
    /// As many connections, for as long.
    pub(super) async fn run(address: SocketAddr, connections: usize, period: Duration) -> Result<Self> {
        let end = Instant::now() + period;
        let mut tasks = JoinSet::new();
        for number in 0..connections {
            tasks.spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut took = Vec::new();
                for turn in 0.. {
                    let asked = Instant::now();
                    if asked >= end {
                        break;
                    }
                    connection.ask((number + turn * 97) % VISITORS).await?;
                    took.push(asked.elapsed());
                }
                anyhow::Ok(took)
            });
        }
        let all = tasks.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(Self(all.concat()))
    }

    /// In increasing order.
    pub(super) fn milliseconds(&self) -> Vec<f64> {
        let mut milliseconds: Vec<f64> = self.0.iter().map(|took| took.as_secs_f64() * 1000.0).collect();
        milliseconds.sort_by(f64::total_cmp);
        milliseconds
    }
}

/// Whether a token is given.
pub(super) async fn ask_once(address: SocketAddr) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let body = connection.ask(0).await?;
    ensure!(String::from_utf8_lossy(body).contains("\"participantToken\":\"eyJ"), "the answer has no token");
    Ok(())
}

struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = timeout(LIMIT, TcpStream::connect(address))
            .await
            .context("connect in time")?
            .context("connect")?;
        stream.set_nodelay(true).context("set up the connection")?;
        Ok(Self { stream: BufReader::new(stream), line: String::new(), body: Vec::new() })
    }

    /// The body of an answer with a token.
    async fn ask(&mut self, visitor: usize) -> Result<&[u8]> {
        let body = format!(
            "{{\"room_config\":{{\"agents\":[{{\"agent_name\":\"{AGENT_NAME}\"}}]}},\"user_email\":\"visitor{visitor}@company.com\"}}"
        );
        let request = format!(
            "POST /api/connection-details HTTP/1.1\r\nHost: voice.example.com\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        timeout(LIMIT, async {
            self.stream.write_all(request.as_bytes()).await.context("ask")?;
            self.answer().await
        })
        .await
        .context("answer in time")??;
        Ok(&self.body)
    }

    async fn answer(&mut self) -> Result<()> {
        let status = self.read_line().await?.to_owned();
        let mut length = None;
        loop {
            let line = self.read_line().await?.to_ascii_lowercase();
            match line.split_once(": ") {
                Some(("content-length", bytes)) => length = Some(bytes.parse().context("read the length")?),
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        self.body.clear();
        match length {
            Some(length) => self.read_bytes(length).await?,
            None => self.read_chunks().await?,
        }
        if !status.contains(" 200 ") {
            bail!("{status}: {}", String::from_utf8_lossy(&self.body));
        }
        Ok(())
    }

    async fn read_chunks(&mut self) -> Result<()> {
        loop {
            let length =
                usize::from_str_radix(self.read_line().await?, 16).context("read a chunk's length")?;
            self.read_bytes(length).await?;
            self.read_line().await?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    async fn read_bytes(&mut self, length: usize) -> Result<()> {
        let before = self.body.len();
        self.body.resize(before + length, 0);
        self.stream.read_exact(&mut self.body[before..]).await.context("read the body")?;
        Ok(())
    }

    async fn read_line(&mut self) -> Result<&str> {
        self.line.clear();
        let read = self.stream.read_line(&mut self.line).await.context("read the answer")?;
        ensure!(read > 0, "the connection was closed");
        Ok(self.line.trim_end())
    }
}
