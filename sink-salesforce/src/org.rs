//! What the org has of the mapped fields, asked once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::call_error::CallError;
use crate::client::Client;
use crate::field_map::FieldMap;
use crate::field_type::FieldDescription;
use crate::fields::ObjectFields;
use crate::records::OrgFields;

/// When an org is asked again whose fields are not as the map needs them: soon, for whoever is just mending it, and then
/// after ever longer pauses, because each time costs two of its calls.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The field map, and how it fits the org.
pub struct Org {
    map: FieldMap,
    known: Mutex<Known>,
}

#[derive(Default)]
enum Known {
    #[default]
    Nothing,
    Fields(Arc<OrgFields>),
    /// They do not fit, and are asked for again after a pause.
    Fault {
        asked: Instant,
        pause: Duration,
        fault: CallError,
    },
}

impl Org {
    /// Nothing is asked yet.
    pub fn new(map: FieldMap) -> Self {
        Self { map, known: Mutex::default() }
    }

    /// The fields, described where they are not known. Two calls.
    ///
    /// # Errors
    /// No answer, or a field that is not as the map needs it.
    pub async fn fields(&self, client: &Client) -> Result<Arc<OrgFields>, CallError> {
        let mut known = self.known.lock().await;
        let pause = match &*known {
            Known::Fields(fields) => return Ok(Arc::clone(fields)),
            Known::Fault { asked, pause, fault } if asked.elapsed() < *pause => return Err(fault.clone()),
            Known::Fault { pause, .. } => (*pause * 2).min(LONGEST_PAUSE),
            Known::Nothing => FIRST_PAUSE,
        };
        let answer = self.ask(client).await;
        *known = match &answer {
            Ok(fields) => Known::Fields(Arc::clone(fields)),
            Err(fault @ CallError::Configuration { .. }) => {
                Known::Fault { asked: Instant::now(), pause, fault: fault.clone() }
            }
            // Whoever is not reached may be in a moment.
            Err(_) => Known::Nothing,
        };
        answer
    }

    async fn ask(&self, client: &Client) -> Result<Arc<OrgFields>, CallError> {
        let lead = client.describe("Lead").await?.fields;
        let contact = client.describe("Contact").await?.fields;
        let person_accounts = contact.iter().any(|field| field.name == "IsPersonAccount");
        let without_email = [("Lead", &lead), ("Contact", &contact)].map(without_email);
        let lead = ObjectFields::resolve(&self.map, "Lead", &lead);
        let contact = ObjectFields::resolve(&self.map, "Contact", &contact);
        match (lead, contact, without_email) {
            (Ok(lead), Ok(contact), [None, None]) => {
                Ok(Arc::new(OrgFields { lead, contact, person_accounts }))
            }
            (lead, contact, without_email) => {
                let faults = [lead.err(), contact.err()].into_iter().flatten().flatten();
                let faults = faults.chain(without_email.into_iter().flatten()).collect::<Vec<_>>().join("; ");
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
        let mut known = self.known.lock().await;
        if let Known::Fields(_) = &*known {
            *known = Known::Nothing;
        }
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

/// Look-ups need it; what else they need everybody sees who sees the object.
fn without_email((object, described): (&str, &Vec<FieldDescription>)) -> Option<String> {
    let seen = described.iter().any(|field| field.name == "Email");
    (!seen).then(|| format!("{object} has no field Email that the integration user may see"))
}
