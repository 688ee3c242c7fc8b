//! Puts a file whose length is not known before: in one put where it is small, else in parts. Either way the store shows it
//! as a whole or not at all, and until then what was there before.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Config;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http::HeaderMap;
use tracing::warn;

use crate::bucket::Bucket;
use crate::store_error;

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
    /// Id of the upload, once there was a part.
    id: Option<String>,
    parts: Vec<CompletedPart>,
    bytes: u64,
}

impl Upload {
    pub(crate) fn new(bucket: Arc<Bucket>, key: String, metadata: HashMap<String, String>) -> Self {
        Self { bucket, key, metadata, id: None, parts: Vec::new(), bytes: 0 }
    }

    /// Sends a part that is not the last one.
    pub(crate) async fn part(&mut self, part: Vec<u8>) -> anyhow::Result<()> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => self.id.insert(self.begin().await?).clone(),
        };
        self.send(&id, part).await
    }

    /// Sends what is left, however much it is, and makes the file appear; its bytes.
    pub(crate) async fn finish(&mut self, mut rest: Vec<u8>) -> anyhow::Result<u64> {
        while rest.len() > PART {
            let after = rest.split_off(PART);
            self.part(std::mem::replace(&mut rest, after)).await?;
        }
        match self.id.clone() {
            Some(id) => {
                self.send(&id, rest).await?;
                self.complete(&id).await?;
            }
            None => self.put(rest).await?,
        }
        Ok(self.bytes)
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

    async fn complete(&mut self, id: &str) -> anyhow::Result<()> {
        let Self { bucket, key, .. } = &*self;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let complete = bucket.client.complete_multipart_upload().bucket(&bucket.name).key(key).upload_id(id);
        let completed = complete.multipart_upload(parts).customize().config_override(patient()).send().await;
        let completed = completed.map_err(|error| anyhow!(store_error::reason(&bucket.name, &error)))?;
        // The answer may be 200 and an error, or a page.
        completed.e_tag.context(NO_ETAG)?;
        self.id = None;
        Ok(())
    }

    async fn put(&mut self, file: Vec<u8>) -> anyhow::Result<()> {
        self.bytes = file.len() as u64;
        let Self { bucket, key, metadata, .. } = &*self;
        let put = bucket.client.put_object().bucket(&bucket.name).key(key).body(ByteStream::from(file));
        let put = put.content_type(MEDIA_TYPE).set_metadata(Some(metadata.clone()));
        let put = put.customize().mutate_request(with_headers(&bucket.putter.headers));
        let put = put.config_override(patient()).send().await;
        let put = put.map_err(|error| anyhow!(store_error::reason(&bucket.name, &error)))?;
        put.e_tag.context(NO_ETAG)?;
        Ok(())
    }

    /// Named for the upload as a whole, too, or the store would not take parts that have one.
    fn checksum(&self) -> Option<ChecksumAlgorithm> {
        self.bucket.putter.with_checksum.then_some(ChecksumAlgorithm::Crc32)
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
