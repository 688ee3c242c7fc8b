//! What the org has of the mapped fields, asked once.

use std::sync::Arc;
use std::time::Duration;

use schemas::json::{InvalidJson, Json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::call_error::CallError;
use crate::client::{Client, Description};
use crate::field_map::FieldMap;
use crate::fields::ObjectFields;
use crate::records::{Kind, OrgFields};

/// When an org is asked again that is not as the map needs it: soon, for whoever is just mending it, and then after ever
/// longer pauses, because each time costs some of its calls.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Records that are refused one by one would otherwise have the fields asked for each time.
const DOUBT_AGAIN: Duration = Duration::from_secs(30);

/// The field map, and how it fits the org.
pub struct Org {
    map: FieldMap,
    state: Mutex<State>,
}

struct State {
    fields: Option<Arc<OrgFields>>,
    doubted: Option<Instant>,
    /// What is wrong with the org, and until when it is not asked again.
    fault: Option<(Instant, CallError)>,
    /// The next one.
    pause: Duration,
}

impl Org {
    /// Nothing is asked yet.
    pub fn new(map: FieldMap) -> Self {
        Self {
            map,
            state: Mutex::new(State { fields: None, doubted: None, fault: None, pause: FIRST_PAUSE }),
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
            Err(fault @ CallError::Configuration { .. }) => state.hold(fault),
            // Whoever is not reached may be in a moment.
            Err(_) => {}
        }
        answer
    }

    /// A call showed that the org is not as it must be: nothing is asked for a while, and then the fields before all else.
    pub async fn mistrust(&self, fault: &CallError) {
        self.state.lock().await.hold(fault);
    }

    /// The org may allow less than it did: the fields are asked for again, unless they just were for the same reason.
    pub async fn doubt(&self) {
        let mut state = self.state.lock().await;
        if state.doubted.is_none_or(|at| at.elapsed() >= DOUBT_AGAIN) {
            state.doubted = Some(Instant::now());
            state.fields = None;
        }
    }

    /// A record was written.
    pub async fn trust(&self) {
        self.state.lock().await.pause = FIRST_PAUSE;
    }

    /// What a payload has for the further fields, in the order of the map.
    ///
    /// # Errors
    /// It is no JSON: whether it has them is not known.
    pub fn values<'p>(&self, payload: &'p [u8]) -> Result<Vec<Option<Json<'p>>>, InvalidJson> {
        let payload = Json::parse(payload)?;
        Ok(self.map.others.iter().map(|mapped| mapped.value(payload)).collect())
    }
}

impl State {
    fn hold(&mut self, fault: &CallError) {
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
