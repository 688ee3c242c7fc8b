//! What Salesforce shows.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::environment::Environment;
use crate::wait_for;

/// The records of the simulated Salesforce.
#[derive(Debug, Clone)]
pub struct Leads {
    client: reqwest::Client,
    url: String,
}

impl Leads {
    /// Opens the Salesforce that the environment names.
    pub fn open(environment: &Environment) -> Result<Self> {
        Ok(Self { client: reqwest::Client::new(), url: environment.get("SALESFORCE_URL")?.to_owned() })
    }

    /// All Leads.
    pub async fn all(&self) -> Result<Vec<Value>> {
        let url = format!("{}/simulator/records", self.url);
        let answer = self.client.get(url).send().await.context("ask for records")?;
        let records: Value = answer.error_for_status()?.json().await.context("read records")?;
        records["Lead"].as_array().cloned().context("find Leads among the records")
    }

    /// The first Lead with an address.
    pub async fn find(&self, email: &str) -> Result<Option<Value>> {
        Ok(self.all().await?.into_iter().find(|lead| lead["Email"] == email))
    }

    /// Waits until the Lead of an address shows a session.
    pub async fn wait_for(&self, email: &str, session_id: &str, limit: Duration) -> Result<Value> {
        let what = format!("the Lead to show {session_id}");
        wait_for(&what, limit, || async {
            Ok(self.find(email).await?.filter(|lead| lead["Last_Voice_Session__c"] == session_id))
        })
        .await
    }
}
