//! Puts a file whose length is not known before: in one put where it is small, else in parts. Either way the store shows it
//! as a whole or not at all, and until then what was there before.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Config;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;
use http::HeaderMap;
use tracing::warn;

use crate::bucket::Bucket;
use crate::store_error::{self, needs::Needs};

/// Bytes of every part but the last, which is smaller: with S3's 10,000 parts, files up to 150 GiB.
pub(crate) const PART: usize = 16 * 1024 * 1024;
/// How long one request may take: a part on a slow line, or the store's work to put many parts together.
const REQUEST_LIMIT: Duration = Duration::from_secs(300);
const NO_ETAG: &str = "what answers is no S3 store: it answers an upload without an ETag";
const MEDIA_TYPE: &str = "application/vnd.apache.parquet";

pub(crate) struct Upload {
    bucket: Arc<Bucket>,
    key: String,
    metadata: HashMap<String, String>,
    condition: Condition,
    /// Id of the upload, once there was a part.
    id: Option<String>,
    parts: Vec<CompletedPart>,
    bytes: u64,
}

/// What has to be there for the file to appear. It holds in stores that know conditional writes; in others, whoever ends
/// later wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The file with this entity tag.
    Replaces(String),
    /// Only where there is no file yet.
    First,
    /// Anything: the store knows no conditions.
    Whatever,
}

impl Condition {
    /// That all is as it was: no file, or one with that tag.
    pub(crate) fn of(stored: Option<&str>) -> Self {
        stored.map_or(Self::First, |etag| Self::Replaces(etag.to_owned()))
    }

    fn if_match(&self) -> Option<String> {
        if let Self::Replaces(etag) = self { Some(etag.clone()) } else { None }
    }

    fn if_none_match(&self) -> Option<String> {
        (*self == Self::First).then(|| "*".to_owned())
    }
}

impl Upload {
    pub(crate) fn new(
        bucket: Arc<Bucket>,
        key: String,
        metadata: HashMap<String, String>,
        condition: Condition,
    ) -> Self {
        Self { bucket, key, metadata, condition, id: None, parts: Vec::new(), bytes: 0 }
    }

    /// Sends a part that is not the last one.
    pub(crate) async fn part(&mut self, part: Vec<u8>) -> anyhow::Result<()> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => self.id.insert(self.begin().await?).clone(),
        };
        self.send(&id, part).await
    }

    /// Sends what is left, however much it is, and makes the file appear; its bytes. None where another program has written
    /// the file meanwhile.
    pub(crate) async fn finish(&mut self, mut rest: Vec<u8>) -> anyhow::Result<Option<u64>> {
        while rest.len() > PART {
            let after = rest.split_off(PART);
            self.part(std::mem::replace(&mut rest, after)).await?;
        }
        if let Some(id) = self.id.clone() {
            self.send(&id, rest).await?;
            let appeared = self.appear(async |upload| upload.complete(&id).await).await?;
            if appeared {
                self.id = None;
            }
            return Ok(appeared.then_some(self.bytes));
        }
        let file = Bytes::from(rest);
        self.bytes = file.len() as u64;
        Ok(self.appear(async |upload| upload.put(file.clone()).await).await?.then_some(self.bytes))
    }

    /// Makes the file appear; whether the condition held. A store that knows no conditions is asked without one.
    async fn appear(&mut self, request: impl AsyncFn(&Self) -> Result<(), Refused>) -> anyhow::Result<bool> {
        let refused = match request(self).await {
            Err(refused) if refused.status == Some(501) && self.condition != Condition::Whatever => {
                self.condition = Condition::Whatever;
                request(self).await.err()
            }
            result => result.err(),
        };
        match refused {
            None => Ok(true),
            Some(refused) if self.condition != Condition::Whatever && refused.is_overtaken() => Ok(false),
            Some(refused) => Err(anyhow!(refused.reason)),
        }
    }

    /// Throws the parts away that were sent. It is a courtesy: nobody sees them, but they are paid for.
    pub(crate) async fn abort(&mut self) {
        let Some(id) = self.id.take() else { return };
        let Self { bucket, key, .. } = self;
        let abort = bucket.client.abort_multipart_upload().bucket(&bucket.name).key(&*key).upload_id(id);
        if let Err(error) = abort.send().await {
            let reason = store_error::reason(&bucket.name, &error);
            warn!(
                key,
                reason, "parts of an unfinished upload stay in the store until it is told to remove them"
            );
        }
    }

    async fn begin(&self) -> anyhow::Result<String> {
        let Self { bucket, key, metadata, .. } = self;
        let begin = bucket.client.create_multipart_upload().bucket(&bucket.name).key(key);
        let begin = begin.content_type(MEDIA_TYPE).set_metadata(Some(metadata.clone()));
        let begin = begin.set_checksum_algorithm(self.checksum()).customize();
        let begun = begin.mutate_request(with_headers(&bucket.putter.headers)).send().await;
        let begun = begun.map_err(|error| anyhow!(store_error::reason(&bucket.name, &error)))?;
        begun.upload_id.context("the store gave the upload no id")
    }

    async fn send(&mut self, id: &str, part: Vec<u8>) -> anyhow::Result<()> {
        let Self { bucket, key, .. } = &*self;
        let (number, bytes) = (i32::try_from(self.parts.len() + 1)?, part.len() as u64);
        let send =
            bucket.client.upload_part().bucket(&bucket.name).key(key).upload_id(id).part_number(number);
        let send = send.set_checksum_algorithm(self.checksum()).body(ByteStream::from(part)).customize();
        let sent = send.config_override(patient()).send().await;
        let sent = sent.map_err(|error| anyhow!(store_error::reason(&bucket.name, &error)))?;
        let part = CompletedPart::builder()
            .part_number(number)
            .e_tag(sent.e_tag.context(NO_ETAG)?)
            .set_checksum_crc32(sent.checksum_crc32)
            .build();
        self.parts.push(part);
        self.bytes += bytes;
        Ok(())
    }

    async fn complete(&self, id: &str) -> Result<(), Refused> {
        let Self { bucket, key, condition, .. } = self;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let complete = bucket.client.complete_multipart_upload().bucket(&bucket.name).key(key).upload_id(id);
        let complete =
            complete.set_if_match(condition.if_match()).set_if_none_match(condition.if_none_match());
        let completed = complete.multipart_upload(parts).customize().config_override(patient()).send().await;
        let completed = completed.map_err(|error| Refused::of(&bucket.name, &error))?;
        // The answer may be 200 and an error, or a page.
        completed.e_tag.map(drop).ok_or_else(Refused::without_etag)
    }

    async fn put(&self, file: Bytes) -> Result<(), Refused> {
        let Self { bucket, key, metadata, condition, .. } = self;
        let put = bucket.client.put_object().bucket(&bucket.name).key(key).body(ByteStream::from(file));
        let put = put.set_if_match(condition.if_match()).set_if_none_match(condition.if_none_match());
        let put = put.content_type(MEDIA_TYPE).set_metadata(Some(metadata.clone()));
        let put = put.customize().mutate_request(with_headers(&bucket.putter.headers));
        let put = put.config_override(patient()).send().await;
        let put = put.map_err(|error| Refused::of(&bucket.name, &error))?;
        put.e_tag.map(drop).ok_or_else(Refused::without_etag)
    }

    /// Named for the upload as a whole, too, or the store would not take parts that have one.
    fn checksum(&self) -> Option<ChecksumAlgorithm> {
        self.bucket.putter.with_checksum.then_some(ChecksumAlgorithm::Crc32)
    }
}

/// An answer that the file did not appear.
struct Refused {
    status: Option<u16>,
    code: String,
    reason: String,
}

impl Refused {
    fn of<E>(bucket: &str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + Needs + ProvideErrorMetadata + 'static,
    {
        Self {
            status: store_error::status(error),
            code: error.code().unwrap_or_default().to_owned(),
            reason: store_error::reason(bucket, error),
        }
    }

    fn without_etag() -> Self {
        Self { status: None, code: String::new(), reason: NO_ETAG.to_owned() }
    }

    /// Whether the condition did not hold: another file is there, or one is being written, or the one there is gone.
    fn is_overtaken(&self) -> bool {
        matches!((self.status, self.code.as_str()), (Some(409 | 412), _) | (Some(404), "NoSuchKey"))
    }
}

/// How the operator wants objects to be stored.
fn with_headers(headers: &HeaderMap) -> impl Fn(&mut HttpRequest) + Send + Sync + use<> {
    let headers = headers.clone();
    move |request| {
        for (name, value) in &headers {
            if let Ok(value) = value.to_str() {
                request.headers_mut().insert(name.as_str().to_owned(), value.to_owned());
            }
        }
    }
}

fn patient() -> aws_sdk_s3::config::Builder {
    let limits = TimeoutConfig::builder()
        .operation_attempt_timeout(REQUEST_LIMIT)
        .operation_timeout(REQUEST_LIMIT * 2)
        .build();
    Config::builder().timeout_config(limits)
}
