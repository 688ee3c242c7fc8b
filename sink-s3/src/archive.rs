//! The writer: each event becomes an object, put once or as often as it comes.

use std::io::Read as _;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use prometheus::core::Collector;
use prometheus::{IntCounterVec, Opts};
use service::traces::{Span, client_span};
use sink::{Message, PERMANENT, WriteError, Writer, Written};

use crate::answer::Answer;
use crate::bucket::Bucket;
use crate::gzip::gzip;
use crate::put::PutError;
use crate::store_error;

/// From this size on, compressing takes milliseconds, and gets a thread where it keeps nothing else waiting.
const LARGE: usize = 256 * 1024;

/// What became of an event.
const ARCHIVED: &str = "archived";
const ALREADY_ARCHIVED: &str = "already_archived";

/// What is done where there is an object with the event's key already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum IfExists {
    /// The object is written again: the same event makes the same bytes.
    Overwrite,
    /// The object is left alone where it holds the same payload; another payload becomes a dead letter.
    Skip,
}

/// Puts each event as an object.
pub struct Archive {
    bucket: Bucket,
    if_exists: IfExists,
    errors: IntCounterVec,
}

impl Archive {
    pub(crate) fn new(bucket: Bucket, if_exists: IfExists) -> prometheus::Result<Self> {
        let errors = Opts::new("postcall_s3_errors_total", "Puts that the store did not take, by why");
        let errors = IntCounterVec::new(errors, &["kind"])?;
        for kind in store_error::KINDS {
            errors.with_label_values(&[kind]);
        }
        Ok(Self { bucket, if_exists, errors })
    }

    async fn archive(&self, message: &Message) -> Result<Written, WriteError> {
        let event = &message.event;
        let key = format!("{}{}", self.bucket.prefix, event.identity.object_key(&event.end_time));
        let object = compress(message.payload.clone()).await?;
        let put = self.bucket.put(&key, object, self.if_exists == IfExists::Skip);
        let answer = client_span("S3/PutObject", put, |span, answer| self.describe(span, &key, answer)).await;
        match answer {
            Ok(()) => Ok(Written { outcome: ARCHIVED }),
            Err(PutError::Refused { answer: Answer { status: 412, .. }, .. }) => {
                self.compare(&key, &message.payload).await
            }
            Err(error) => {
                self.errors.with_label_values(&[store_error::kind(&error)]).inc();
                Err(store_error::of_put(&self.bucket.name, &error))
            }
        }
    }

    fn describe(&self, span: Span, key: &str, answer: &Result<(), PutError>) -> Span {
        let span = span
            .with("rpc.system", "aws-api")
            .with("rpc.service", "S3")
            .with("rpc.method", "PutObject")
            .with_text("aws.s3.bucket", &self.bucket.name)
            .with_text("aws.s3.key", key);
        match answer {
            Ok(()) => span,
            Err(error) => span.failed(error.kind()),
        }
    }

    /// There is an object already: is it this event's?
    async fn compare(&self, key: &str, payload: &[u8]) -> Result<Written, WriteError> {
        let busy = |reason| WriteError::Busy { reason, after: None };
        // It may have been removed in between; then the next try puts it.
        let stored = self.bucket.get(key).await.map_err(|error| busy(error.to_string()))?;
        let stored = stored.ok_or_else(|| busy("the object that was there is gone".to_owned()))?;
        if is_gzip_of(&stored.bytes, payload) {
            return Ok(Written { outcome: ALREADY_ARCHIVED });
        }
        Err(WriteError::Reject {
            outcome: PERMANENT,
            reason: "an object with this key holds another payload".to_owned(),
        })
    }
}

impl Writer for Archive {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        let mut results = Vec::with_capacity(batch.len());
        for message in batch {
            results.push(self.archive(message).await);
        }
        results
    }

    fn outcomes(&self) -> &'static [&'static str] {
        &[ARCHIVED, ALREADY_ARCHIVED]
    }

    fn metrics(&self) -> Vec<Box<dyn Collector>> {
        vec![Box::new(self.errors.clone())]
    }

    async fn probe(&self) -> Result<(), String> {
        self.bucket.probe().await
    }
}

async fn compress(payload: Bytes) -> Result<Vec<u8>, WriteError> {
    if payload.len() < LARGE {
        return Ok(gzip(&payload));
    }
    let task = tokio::task::spawn_blocking(move || gzip(&payload));
    task.await.map_err(|error| WriteError::Retry { reason: format!("compress the payload: {error}") })
}

/// Whether an object holds this payload, whatever compressed it. No more is read than is compared.
pub(crate) fn is_gzip_of(object: &[u8], payload: &[u8]) -> bool {
    let mut bytes = Vec::with_capacity(payload.len() + 1);
    let read = MultiGzDecoder::new(object).take(payload.len() as u64 + 1).read_to_end(&mut bytes);
    read.is_ok() && bytes == payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_compared_by_what_is_in_it() {
        let payload = br#"{"session_id":"r"}"#;
        assert!(is_gzip_of(&gzip(payload), payload));
        let mut by_another = Vec::new();
        flate2::bufread::GzEncoder::new(&payload[..], flate2::Compression::best())
            .read_to_end(&mut by_another)
            .unwrap();
        assert!(by_another != gzip(payload) && is_gzip_of(&by_another, payload));
        assert!(!is_gzip_of(&gzip(b"{\"session_id\":\"r\"} "), payload));
        assert!(!is_gzip_of(&gzip(payload)[..12], payload));
        assert!(!is_gzip_of(b"", payload));
    }
}
