//! What the servers themselves can do: a process that puts objects, or that consumes, and does nothing else.
//!
//! It answers `go` with the seconds that it took.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use schemas::names::SESSIONS_STREAM;
use serde::{Deserialize, Serialize};
use tests::environment::Environment;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::SINK;
use crate::host::answer;
use crate::payloads::Payloads;

/// As many as our sink puts at the same time.
const CONNECTIONS: usize = 64;
const BATCH: usize = 512;

#[derive(Serialize, Deserialize)]
pub(super) enum Setup {
    Put { store: StoreAddress, payloads: Payloads, sessions: usize },
    Consume { nats_url: String, sessions: usize },
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoreAddress {
    endpoint: String,
    bucket: String,
    region: String,
    access_key: String,
    secret_key: String,
}

impl StoreAddress {
    pub(super) fn of(environment: &Environment) -> Result<Self> {
        let get = |name| environment.get(name).map(str::to_owned);
        Ok(Self {
            endpoint: get("S3_ENDPOINT")?,
            bucket: get("S3_BUCKET")?,
            region: get("AWS_REGION")?,
            access_key: get("AWS_ACCESS_KEY_ID")?,
            secret_key: get("AWS_SECRET_ACCESS_KEY")?,
        })
    }

    /// Host and port of the endpoint.
    fn authority(&self) -> Result<&str> {
        self.endpoint.strip_prefix("http://").context("read the endpoint")
    }
}

/// The process: it reads its setup and a «go» from standard input, puts or consumes, and answers with the seconds that it took.
pub(crate) async fn run() -> Result<()> {
    // This thread is none of the runtime's workers: it may block.
    let mut lines = std::io::stdin().lines();
    let setup = serde_json::from_str(&lines.next().context("read setup")??).context("parse setup")?;
    let seconds = match setup {
        Setup::Put { store, payloads, sessions } => {
            let puts = prepared(&store, payloads, sessions)?;
            let connections = connect(store.authority()?).await?;
            wait_for_go(&mut lines)?;
            put(connections, puts).await?
        }
        Setup::Consume { nats_url, sessions } => {
            let client = async_nats::connect(nats_url).await.context("connect to nats-server")?;
            let consumer: PullConsumer = jetstream::new(client.clone())
                .get_consumer_from_stream(SINK, SESSIONS_STREAM)
                .await
                .context("find the consumer")?;
            wait_for_go(&mut lines)?;
            consume(&client, &consumer, sessions).await?
        }
    };
    answer(&serde_json::to_string(&seconds)?)?;
    while lines.next().transpose()?.is_some() {}
    Ok(())
}

fn wait_for_go(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Result<()> {
    answer("ready")?;
    match lines.next().transpose()?.as_deref() {
        Some("go") => Ok(()),
        other => bail!("asked for «{}»", other.unwrap_or("nothing")),
    }
}

/// The request that our sink makes, signed beforehand: the store has its whole work, and the client as little as can be.
type Put = Request<Bytes>;

fn prepared(store: &StoreAddress, payloads: Payloads, sessions: usize) -> Result<Vec<Put>> {
    let keys = Credentials::new(&store.access_key, &store.secret_key, None, None, "bench");
    let identity = Identity::from(keys);
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&store.region)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .context("say how to sign")?;
    let params = SigningParams::V4(params);
    objects(payloads, sessions)?
        .into_iter()
        .enumerate()
        .map(|(number, object)| {
            let key = payloads.key(number).replace('=', "%3D");
            let checksum = BASE64_STANDARD.encode(crc32fast::hash(&object).to_be_bytes());
            let mut put = Request::put(format!("{}/{}/{key}", store.endpoint, store.bucket))
                .header(header::HOST, store.authority()?)
                .header(header::CONTENT_TYPE, "application/gzip")
                .header("x-amz-checksum-crc32", checksum)
                .body(object)
                .context("make a request")?;
            let headers =
                put.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
            let signable =
                SignableRequest::new("PUT", put.uri().to_string(), headers, SignableBody::Bytes(put.body()));
            let signing = sign(signable.context("sign a put")?, &params).context("sign a put")?;
            signing.into_parts().0.apply_to_request_http1x(&mut put);
            let path = put.uri().path().parse().context("find the path of a put")?;
            *put.uri_mut() = path;
            Ok(put)
        })
        .collect()
}

/// One behind the other in one piece of memory.
fn objects(payloads: Payloads, sessions: usize) -> Result<Vec<Bytes>> {
    let (mut all, mut ends) = (Vec::new(), vec![0]);
    for number in 0..sessions {
        let mut encoder = GzEncoder::new(&mut all, Compression::new(6));
        encoder.write_all(payloads.payload(number).as_bytes()).context("compress")?;
        encoder.finish().context("compress")?;
        ends.push(all.len());
    }
    let all = Bytes::from(all);
    Ok(ends.windows(2).map(|object| all.slice(object[0]..object[1])).collect())
}

async fn connect(authority: &str) -> Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(authority).await.context("connect to the store")?;
        stream.set_nodelay(true).context("set TCP_NODELAY")?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.context("begin HTTP")?;
        // An end that comes too early shows in the requests.
        tokio::spawn(async move { drop(connection.await) });
        connections.push(Connection { sender });
    }
    Ok(connections)
}

async fn put(connections: Vec<Connection>, puts: Vec<Put>) -> Result<f64> {
    let (puts, next) = (Arc::new(puts), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for mut connection in connections {
        let (puts, next) = (Arc::clone(&puts), Arc::clone(&next));
        tasks.spawn(async move {
            while let Some(put) = puts.get(next.fetch_add(1, Ordering::Relaxed)) {
                connection.put(put).await?;
            }
            anyhow::Ok(())
        });
    }
    for ended in tasks.join_all().await {
        ended?;
    }
    Ok(started.elapsed().as_secs_f64())
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    async fn put(&mut self, put: &Put) -> Result<()> {
        let request = put.clone().map(Full::new);
        self.sender.ready().await.context("wait for the connection")?;
        let response = self.sender.send_request(request).await.context("put")?;
        let status = response.status();
        // Read to its end, or the connection cannot be used again.
        let body = response.into_body().collect().await.context("read the answer")?.to_bytes();
        ensure!(status.is_success(), "the store answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }
}

async fn consume(client: &async_nats::Client, consumer: &PullConsumer, sessions: usize) -> Result<f64> {
    let stream = consumer.stream().max_messages_per_batch(BATCH);
    let mut messages = stream.messages().await.context("pull")?;
    let mut started = None;
    for _ in 0..sessions {
        let message = messages.next().await.context("the messages ended")?.context("pull")?;
        started.get_or_insert_with(Instant::now);
        message.ack().await.map_err(anyhow::Error::from_boxed).context("ack")?;
    }
    client.flush().await.context("flush the acks")?;
    Ok(started.map_or(f64::NAN, |started| started.elapsed().as_secs_f64()))
}
