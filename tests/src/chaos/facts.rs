//! What is known at the end: what callers did, what went wrong, and what is where it should be. All of it stands in `facts.json`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::Fault;

/// All that an audit looks at.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Facts {
    pub tries: Vec<Try>,
    /// Of the agents' own logs.
    pub jobs: Vec<Job>,
    pub objects: Vec<Object>,
    pub leads: Vec<Lead>,
    pub dead_letters: Vec<DeadLetter>,
    /// What has not come to its end: files of a spool, messages of a consumer.
    pub left: Vec<String>,
    /// Programs of ours that panicked, or ended by themselves.
    pub failed: Vec<String>,
    pub faults: Vec<Struck>,
}

/// A caller's try to talk with an agent: a room of its own. Who got no agent tries again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Try {
    pub call: usize,
    pub email: String,
    /// None where there was no token.
    pub room: Option<String>,
    pub asked: DateTime<Utc>,
    pub joined: Option<DateTime<Utc>>,
    /// Those whose agents were seen in the room.
    pub jobs: Vec<String>,
    /// What the caller typed and the agent went on from.
    pub confirmed: Vec<Confirmed>,
    /// Whether sound was sent.
    pub spoke: bool,
    /// When the caller asked to leave.
    pub left: Option<DateTime<Utc>>,
    /// What went wrong on the caller's side.
    pub trouble: Option<String>,
}

/// A typed text, and when the agent's next question showed that it was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confirmed {
    pub text: String,
    pub at: DateTime<Utc>,
}

/// A job that had begun.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Job {
    pub room: String,
    pub job_id: String,
}

/// An object of the archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Object {
    pub key: String,
    pub stored: DateTime<Utc>,
    pub payload: Value,
}

/// What Salesforce shows of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lead {
    pub email: String,
    /// The session that it shows, and when that ended, as Salesforce writes it.
    pub session: Option<String>,
    pub ended: Option<String>,
}

/// A dead letter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    pub sink: String,
    /// All that is told of it.
    pub error: String,
    pub session: Option<String>,
}

/// A fault that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Struck {
    pub fault: Fault,
    pub began: DateTime<Utc>,
    pub ended: DateTime<Utc>,
    /// Why it could not be brought about, or undone at once.
    pub trouble: Option<String>,
}

impl Struck {
    /// Whether it lasted at some moment between two.
    pub(super) fn met(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.began <= to && from <= self.ended
    }
}
