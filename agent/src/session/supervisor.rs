//! Runs a call to its end and exports it, however the call ended: a failure or a panic of one call ends that session only.

use std::panic::AssertUnwindSafe;

use chrono::Utc;
use futures::FutureExt as _;
use schemas::{EndReason, SessionEnded};
use tracing::error;

use super::ending::Ending;
use crate::spool::Journal;

/// A session that is over and in the outbox.
pub(super) struct Supervised {
    pub(super) session: SessionEnded,
    /// The agent's own failure, for LiveKit.
    pub(super) outcome: Result<(), String>,
}

/// Runs a call to its end and moves its journal into the outbox, also where the call failed or panicked: that ends this
/// session only, with `agent_failed`.
pub(super) async fn supervise(
    journal: &Journal,
    call: impl Future<Output = anyhow::Result<Ending>>,
) -> Supervised {
    let (ending, outcome) = match AssertUnwindSafe(call).catch_unwind().await {
        Ok(Ok(ending)) => (ending, Ok(())),
        Ok(Err(failure)) => {
            error!("the session failed: {failure:#}");
            (failed(), Err(format!("{failure:#}")))
        }
        // The message may hold what a caller said; the panic hook has logged the place.
        Err(_) => {
            error!("the session failed: a panic in it");
            (failed(), Err("internal error".to_owned()))
        }
    };
    let session = journal.finish(ending.end_time, ending.reason).await;
    Supervised { session, outcome }
}

fn failed() -> Ending {
    Ending { end_time: Utc::now(), reason: EndReason::AgentFailed }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use schemas::SessionEnded;

    use super::*;
    use crate::spool::{Spool, SpoolArgs};

    async fn supervised(
        call: impl Future<Output = anyhow::Result<Ending>>,
    ) -> (Supervised, Vec<SessionEnded>) {
        let folder = tempfile::tempdir().unwrap();
        let args = SpoolArgs {
            spool_dir: folder.path().to_owned(),
            max_payload_bytes: 100_000,
            sync_interval: std::time::Duration::ZERO.into(),
            keep_published_bytes: 0,
        };
        let journal = Spool::open(&args).unwrap().begin(payload()).await;
        let over = supervise(&journal, call).await;
        let entries = std::fs::read_dir(folder.path().join("outbox")).unwrap();
        let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read(entry.unwrap().path()).unwrap();
        (over, entries.map(|entry| serde_json::from_slice(&read(entry)).unwrap()).collect())
    }

    fn payload() -> SessionEnded {
        let fields = serde_json::json!({
            "session_id": "room", "job_id": "AJ_1", "duration_seconds": 0.0,
            "start_time": "2025-10-29T12:00:00Z", "end_time": "2025-10-29T12:00:00Z",
        });
        serde_json::from_value(fields).unwrap()
    }

    #[tokio::test]
    async fn a_call_that_ends_is_exported_with_its_end() {
        let end_time = schemas::timestamp::parse("2025-10-29T12:01:00Z").unwrap();
        let ending = Ending { end_time, reason: EndReason::ParticipantLeft };
        let (over, exported) = supervised(async { Ok(ending) }).await;
        assert_eq!(over.outcome, Ok(()));
        assert_eq!(exported[0].duration_seconds, 60.0);
        assert_eq!(exported[0].end_reason, Some(EndReason::ParticipantLeft));
    }

    #[tokio::test]
    async fn a_call_that_fails_is_exported_and_reported() {
        let (over, exported) = supervised(async { Err(anyhow!("no such room")) }).await;
        assert_eq!(over.outcome, Err("no such room".to_owned()));
        assert_eq!(exported[0].end_reason, Some(EndReason::AgentFailed));
    }

    #[tokio::test]
    async fn a_call_that_panics_is_exported_and_its_message_stays_inside() {
        let (over, exported) = supervised(async { panic!("test@company.com") }).await;
        assert_eq!(over.outcome, Err("internal error".to_owned()));
        assert_eq!(exported.len(), 1);
        assert_eq!(exported[0].end_reason, Some(EndReason::AgentFailed));
        assert_eq!(over.session.identity(), exported[0].identity());
    }
}
