//! What the org has of the mapped fields, asked once.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::call_error::CallError;
use crate::client::Client;
use crate::field_map::FieldMap;
use crate::fields::ObjectFields;
use crate::records::OrgFields;

/// The field map, and how it fits the org.
pub struct Org {
    map: FieldMap,
    fields: Mutex<Option<Arc<OrgFields>>>,
}

impl Org {
    /// Nothing is asked yet.
    pub fn new(map: FieldMap) -> Self {
        Self { map, fields: Mutex::default() }
    }

    /// The fields, described where they are not known. Two calls.
    ///
    /// # Errors
    /// No answer, or a field that is not as the map needs it.
    pub async fn fields(&self, client: &Client) -> Result<Arc<OrgFields>, CallError> {
        let mut fields = self.fields.lock().await;
        if let Some(fields) = &*fields {
            return Ok(Arc::clone(fields));
        }
        let lead = client.describe("Lead").await?.fields;
        let contact = client.describe("Contact").await?.fields;
        let person_accounts = contact.iter().any(|field| field.name == "IsPersonAccount");
        let lead = ObjectFields::resolve(&self.map, "Lead", &lead);
        let contact = ObjectFields::resolve(&self.map, "Contact", &contact);
        match (lead, contact) {
            (Ok(lead), Ok(contact)) => {
                let found = Arc::new(OrgFields { lead, contact, person_accounts });
                *fields = Some(Arc::clone(&found));
                Ok(found)
            }
            (lead, contact) => {
                let faults = [lead.err(), contact.err()].into_iter().flatten().flatten();
                let faults = faults.collect::<Vec<_>>().join("; ");
                Err(CallError::Configuration {
                    reason: format!(
                        "{faults}: deploy the metadata and the permission set of deploy/salesforce, or correct \
                         SALESFORCE_FIELDS"
                    ),
                })
            }
        }
    }

    /// Somebody changed the org, or has to: what was known may be wrong.
    pub async fn forget(&self) {
        self.fields.lock().await.take();
    }

    /// What a payload has for the further fields, in the order of the map.
    pub fn values(&self, payload: &[u8]) -> Vec<Option<Value>> {
        let mapped = &self.map.others;
        // A payload that is large is parsed for nothing where no further field is mapped.
        let payload: Value =
            if mapped.is_empty() { Value::Null } else { serde_json::from_slice(payload).unwrap_or_default() };
        mapped.iter().map(|mapped| mapped.value(&payload).cloned()).collect()
    }
}
