use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;

use crate::{Message, WriteError, Writer, Written};

/// Calls the writer under a time limit and answers for every message, whatever the writer does.
pub(crate) async fn write<W: Writer>(
    writer: &W,
    batch: &[Message],
    limit: Duration,
) -> Vec<Result<Written, WriteError>> {
    let call = AssertUnwindSafe(async { writer.write(batch).await }).catch_unwind();
    let error = match tokio::time::timeout(limit, call).await {
        Ok(Ok(results)) if results.len() == batch.len() => return results,
        Ok(Ok(results)) => WriteError::Retry {
            reason: format!("the writer answered for {} of {} messages", results.len(), batch.len()),
        },
        Ok(Err(_panic)) => WriteError::Retry { reason: "the writer panicked".to_owned() },
        Err(_elapsed) => WriteError::Unavailable {
            reason: format!("no answer within {}", humantime::format_duration(limit)),
            after: None,
        },
    };
    vec![Err(error); batch.len()]
}
