//! A simulated Salesforce for a test, the messages that a test writes to it, and what became of them.

use std::path::PathBuf;
use std::time::Duration;

use schemas::SessionEvent;
use serde_json::{Value, json};
use simulators::salesforce::{Config, Counters, Salesforce};
use sink::{Message, WriteError, Writer as _, Written};
use sink_salesforce::choose::Several;
use sink_salesforce::config::{Grant, RequestTimeout, SalesforceArgs};
use sink_salesforce::writer::SalesforceWriter;
use tempfile::TempDir;
use tokio_util::sync::DropGuard;

use crate::keys::{self, KeyPair};

/// A simulated Salesforce on a port of its own; it stops when it is dropped.
pub(crate) struct Org {
    pub(crate) salesforce: Salesforce,
    pub(crate) url: String,
    files: TempDir,
    _stop: DropGuard,
}

/// The records of the development stack.
pub(crate) const SEED: &[u8] = include_bytes!("../../../deploy/dev/salesforce-seed.json");

impl Org {
    pub(crate) async fn start() -> Self {
        Self::with(SEED, |_| {}).await
    }

    /// One Lead with an address, and how it behaves.
    pub(crate) async fn with_lead(email: &str, simulator: Value) -> Self {
        Self::with_seed(json!({ "Lead": [{ "Id": LEAD, "Email": email, "simulator": simulator }] })).await
    }

    pub(crate) async fn with_seed(seed: Value) -> Self {
        Self::with(seed.to_string().as_bytes(), |_| {}).await
    }

    pub(crate) async fn with(seed: &[u8], change: impl FnOnce(&mut Config)) -> Self {
        // A second test finds it installed.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut config = Config::new(keys::trusted().public.clone().into_bytes());
        change(&mut config);
        let salesforce = Salesforce::new(config, seed).unwrap();
        let (url, stop) = salesforce.serve_on_a_free_port().await.unwrap();
        Self { salesforce, url, files: tempfile::tempdir().unwrap(), _stop: stop }
    }

    pub(crate) fn key_file(&self, pair: &KeyPair) -> PathBuf {
        let file = self.files.path().join("private.pem");
        std::fs::write(&file, &pair.private).unwrap();
        file
    }

    pub(crate) fn args(&self) -> SalesforceArgs {
        let config = Config::new(Vec::new());
        SalesforceArgs {
            salesforce_url: self.url.parse().unwrap(),
            salesforce_allow_plain_text: false,
            salesforce_client_id: config.client_id,
            salesforce_client_id_file: None,
            salesforce_grant: Grant::JwtBearer,
            salesforce_username: Some(config.username),
            salesforce_private_key_file: Some(self.key_file(keys::trusted())),
            salesforce_client_secret_file: None,
            salesforce_audience: config.audience,
            salesforce_api_version: "v68.0".to_owned(),
            salesforce_allow_duplicates: true,
            salesforce_fields: None,
            salesforce_several: Several::NewestOpen,
            salesforce_match_contacts: false,
            salesforce_api_percent: 90,
            salesforce_linger: Duration::from_millis(250),
            request_timeout: RequestTimeout { salesforce_request_timeout: Duration::from_secs(5) },
        }
    }

    pub(crate) fn writer(&self) -> SalesforceWriter {
        SalesforceWriter::new(&self.args()).unwrap()
    }

    pub(crate) fn field(&self, id: &str, name: &str) -> Value {
        self.salesforce.org().records.get(id).unwrap().get(name).clone()
    }

    /// Session, second and tier of the last session that a record knows of.
    pub(crate) fn voice(&self, id: &str) -> [Value; 3] {
        ["Last_Voice_Session__c", "Last_Voice_Call_Date__c", "Voice_Qualification_Tier__c"]
            .map(|name| self.field(id, name))
    }

    pub(crate) fn counters(&self) -> Counters {
        self.salesforce.org().counters.clone()
    }

    /// Makes calls go wrong, as a person would over HTTP.
    pub(crate) async fn inject(&self, fault: Value) {
        self.post("faults", fault).await;
    }

    /// Changes settings, as an admin would.
    pub(crate) async fn set(&self, settings: Value) {
        self.post("settings", settings).await;
    }

    async fn post(&self, path: &str, body: Value) {
        let answer = reqwest::Client::new().post(format!("{}/simulator/{path}", self.url)).json(&body).send();
        assert!(answer.await.unwrap().status().is_success());
    }
}

/// The id of an open Lead.
pub(crate) const LEAD: &str = "00Q5f00000A0001";

/// A session of somebody, ended at a second of some minute.
pub(crate) fn session(session_id: &str, email: &str, second: u8) -> Message {
    with_tier(session_id, email, second, Some("hot"))
}

pub(crate) fn with_tier(session_id: &str, email: &str, second: u8, tier: Option<&str>) -> Message {
    let mut payload = json!({
        "session_id": session_id,
        "job_id": "AJ_1",
        "user_email": email,
        "end_time": format!("2025-10-29T12:00:{second:02}.500Z"),
    });
    if let Some(tier) = tier {
        payload["discovered_signals"] = json!({ "qualification_tier": tier });
    }
    message(&payload)
}

/// A message with that payload.
pub(crate) fn message(payload: &Value) -> Message {
    let payload = payload.to_string().into_bytes();
    let event = SessionEvent::decode(&payload, None).unwrap();
    Message { event, payload: payload.into(), attempt: 1, stream_sequence: 1, published: None }
}

/// Writes a batch; the outcomes in words.
pub(crate) async fn write(writer: &SalesforceWriter, batch: &[Message]) -> Vec<String> {
    let results = writer.write(batch).await;
    assert_eq!(results.len(), batch.len());
    results.into_iter().map(describe).collect()
}

fn describe(result: Result<Written, WriteError>) -> String {
    let text = match result {
        Ok(Written { outcome }) => outcome.to_owned(),
        Err(WriteError::Retry { reason }) => format!("retry: {reason}"),
        Err(WriteError::Reject { outcome, reason }) => format!("{outcome}: {reason}"),
        Err(WriteError::Busy { reason, .. }) => format!("busy: {reason}"),
        Err(WriteError::Unavailable { reason, .. }) => format!("unavailable: {reason}"),
    };
    assert!(!text.contains('@'), "an address in: {text}");
    text
}

/// So many open Leads, `p1@x.org` and so on.
pub(crate) fn leads(count: usize) -> Value {
    let lead = |number| json!({ "Id": lead_id(number), "Email": format!("p{number}@x.org") });
    json!({ "Lead": (1..=count).map(lead).collect::<Vec<_>>() })
}

pub(crate) fn lead_id(number: usize) -> String {
    format!("00Q5f00000B{number:04}")
}

/// A session of each of some Leads of [`leads`].
pub(crate) fn sessions(room: &str, numbers: impl IntoIterator<Item = usize>) -> Vec<Message> {
    numbers.into_iter().map(|number| session(room, &format!("p{number}@x.org"), 7)).collect()
}
