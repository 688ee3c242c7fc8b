use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tracing::warn;

use crate::{Message, WriteError, Writer, Written};

type Answer = Result<Written, WriteError>;

/// Calls the writer under a time limit and answers for every message, whatever the writer does. Where it fails at a batch as
/// a whole, the batch is halved until the message is alone that it fails at: no other is blamed for it.
pub(crate) async fn write<W: Writer>(writer: &W, batch: &[Message], limit: Duration) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(batch.len());
    // The first is on top.
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        match call(writer, part, limit).await {
            Ok(results) => answers.extend(results),
            Err(Failure::NoAnswer) => {
                let reason = format!("no answer within {}", humantime::format_duration(limit));
                answers.resize(batch.len(), Err(WriteError::Unavailable { reason, after: None }));
                return answers;
            }
            Err(Failure::Writer(reason)) if part.len() > 1 => {
                warn!(reason, messages = part.len(), "the batch is halved, to find the message");
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(Failure::Writer(reason)) => answers.push(Err(WriteError::Retry { reason })),
        }
    }
    answers
}

enum Failure {
    NoAnswer,
    Writer(String),
}

async fn call<W: Writer>(writer: &W, batch: &[Message], limit: Duration) -> Result<Vec<Answer>, Failure> {
    let call = AssertUnwindSafe(async { writer.write(batch).await }).catch_unwind();
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answers)) if answers.len() == batch.len() => Ok(answers),
        Ok(Ok(answers)) => Err(Failure::Writer(format!(
            "the writer answered for {} of {} messages",
            answers.len(),
            batch.len()
        ))),
        Ok(Err(_panic)) => Err(Failure::Writer("the writer panicked".to_owned())),
        Err(_elapsed) => Err(Failure::NoAnswer),
    }
}

/// As [`Writer::probe`]; a probe that panics or does not answer is a reason too.
pub(crate) async fn probe<W: Writer>(writer: &W, limit: Duration) -> Result<(), String> {
    let call = AssertUnwindSafe(async { writer.probe().await }).catch_unwind();
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err("the probe panicked".to_owned()),
        Err(_elapsed) => Err("no answer to the probe".to_owned()),
    }
}
