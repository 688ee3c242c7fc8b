//! What the org has of the mapped fields, asked once.

use std::sync::Arc;
use std::time::Duration;

use schemas::json::{InvalidJson, Json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::call_error::CallError;
use crate::client::{Client, Description};
use crate::field_map::{FieldMap, Mapped};
use crate::fields::{ObjectFields, PayloadValues};
use crate::records::{Kind, OrgFields};

/// When an org is asked again that is not as the map needs it: soon, for whoever is just mending it, and then after ever
/// longer pauses, because each time costs some of its calls.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long fields that were invalidated are not invalidated again: records that are refused one by one would otherwise have
/// them asked for each time.
const INVALIDATE_AGAIN: Duration = Duration::from_secs(30);

/// The field map, and how it fits the org.
pub struct Org {
    map: FieldMap,
    state: Mutex<State>,
}

struct State {
    fields: Option<Arc<OrgFields>>,
    invalidated: Option<Instant>,
    /// What is wrong with the org, and until when it is not asked again.
    fault: Option<(Instant, CallError)>,
    /// How long the org is not asked after the next fault.
    pause: Duration,
}

impl Org {
    /// An org that nothing was asked of yet.
    pub fn new(map: FieldMap) -> Self {
        Self {
            map,
            state: Mutex::new(State { fields: None, invalidated: None, fault: None, pause: FIRST_PAUSE }),
        }
    }

    /// The fields, described where they are not known: two calls, three with person accounts.
    ///
    /// # Errors
    /// No answer, or the org is not as the map needs it.
    pub async fn fields(&self, client: &Client) -> Result<Arc<OrgFields>, CallError> {
        let mut state = self.state.lock().await;
        if let Some((until, fault)) = &state.fault
            && Instant::now() < *until
        {
            return Err(fault.clone());
        }
        if let Some(fields) = &state.fields {
            return Ok(Arc::clone(fields));
        }
        let answer = describe(client, &self.map).await;
        match &answer {
            Ok(fields) => (state.fields, state.fault) = (Some(Arc::clone(fields)), None),
            Err(fault @ CallError::Configuration { .. }) => state.back_off(fault),
            // Whoever is not reached may be in a moment.
            Err(_) => {}
        }
        answer
    }

    /// Backs off after a call showed that the org is not as it must be: nothing is asked for a while, and then the fields
    /// before all else.
    pub async fn back_off(&self, fault: &CallError) {
        self.state.lock().await.back_off(fault);
    }

    /// Forgets the fields, because the org may allow less than it did: they are asked for again, unless they just were for the
    /// same reason.
    pub async fn invalidate(&self) {
        let mut state = self.state.lock().await;
        if state.invalidated.is_none_or(|at| at.elapsed() >= INVALIDATE_AGAIN) {
            state.invalidated = Some(Instant::now());
            state.fields = None;
        }
    }

    /// Makes the next back-off a short one, because a record was written.
    pub async fn reset_back_off(&self) {
        self.state.lock().await.pause = FIRST_PAUSE;
    }

    /// The values that a payload has for the further fields.
    ///
    /// # Errors
    /// It is no JSON: whether it has them is not known.
    pub fn values<'p>(&'p self, payload: &'p [u8]) -> Result<PayloadValues<'p>, InvalidJson> {
        let payload = Json::parse(payload)?;
        let value = |mapped: &'p Mapped| Some((mapped.from.as_str(), mapped.value(payload)?));
        Ok(self.map.others.iter().filter_map(value).collect())
    }
}

impl State {
    fn back_off(&mut self, fault: &CallError) {
        self.fields = None;
        self.fault = Some((Instant::now() + self.pause, fault.clone()));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

async fn describe(client: &Client, map: &FieldMap) -> Result<Arc<OrgFields>, CallError> {
    let lead = client.describe(Kind::Lead).await?;
    let contact = client.describe(Kind::Contact).await?;
    let account = match contact.has_person_accounts() {
        true => Some(client.describe(Kind::PersonAccount).await?),
        false => None,
    };
    let mut faults = Vec::new();
    let mut resolve = |kind, description: &Description| {
        let resolved = resolve(map, kind, description);
        resolved.map_err(|more| faults.extend(more)).ok()
    };
    let (lead, contact) = (resolve(Kind::Lead, &lead), resolve(Kind::Contact, &contact));
    let account = account.and_then(|account| resolve(Kind::PersonAccount, &account));
    match (lead, contact) {
        (Some(lead), Some(contact)) if faults.is_empty() => {
            Ok(Arc::new(OrgFields { lead, contact, account }))
        }
        _ => Err(CallError::Configuration {
            reason: format!(
                "{}: deploy the metadata and the permission set of deploy/salesforce, or correct SALESFORCE_FIELDS",
                faults.join("; ")
            ),
        }),
    }
}

/// The mapped fields of an object.
///
/// # Errors
/// All that is not as it must be.
pub(crate) fn resolve(
    map: &FieldMap,
    kind: Kind,
    description: &Description,
) -> Result<ObjectFields, Vec<String>> {
    // Field permissions can hide these.
    let needed: &[&str] = match kind {
        Kind::Contact if description.has_person_accounts() => &["Email", "AccountId"],
        Kind::Lead | Kind::Contact => &["Email"],
        Kind::PersonAccount => &[],
    };
    let object = kind.object();
    let hidden = needed.iter().filter(|name| !description.has(name));
    let hidden: Vec<_> = hidden
        .map(|name| format!("{object} has no field {name} that the integration user may see"))
        .collect();
    let resolved = match kind {
        Kind::PersonAccount => ObjectFields::resolve(&map.of_persons(), object, &description.fields),
        Kind::Lead | Kind::Contact => ObjectFields::resolve(map, object, &description.fields),
    };
    match resolved {
        Ok(fields) if hidden.is_empty() => Ok(fields),
        resolved => Err(resolved.err().into_iter().flatten().chain(hidden).collect()),
    }
}
