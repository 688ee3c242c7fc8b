use sink::{Message, WriteError, Writer, Written};

use crate::bucket::Bucket;
use crate::gzip::gzip;

/// From this size on, compressing takes milliseconds, and gets a thread where it keeps nothing else waiting.
const LARGE: usize = 256 * 1024;

/// Puts each event as an object.
pub(crate) struct Archive {
    bucket: Bucket,
}

impl Archive {
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    async fn archive(&self, message: &Message) -> Result<Written, WriteError> {
        let event = &message.event;
        let key = event.identity.object_key(&event.end_time);
        let payload = message.payload.clone();
        let object = if payload.len() < LARGE {
            gzip(&payload)
        } else {
            let task = tokio::task::spawn_blocking(move || gzip(&payload));
            task.await
                .map_err(|error| WriteError::Retry { reason: format!("compress the payload: {error}") })?
        };
        self.bucket.put(&key, object).await?;
        Ok(Written { outcome: "archived" })
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

    async fn probe(&self) -> Result<(), String> {
        self.bucket.probe().await
    }
}
