//! The rows of the org, and the rules for changing one.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::objects::{Field, Kind, Object, long_id};

/// Text by which the org's validation rule says that the row already has a newer call.
pub const STALE_MARKER: &str = "VOICE_STALE_WRITE";
/// Queue that the org's assignment rule gives Leads to (id of 15 characters).
pub const ASSIGNMENT_QUEUE: &str = "00G5f000000Queu";

/// All rows by their id of 18 characters.
#[derive(Debug, Default)]
pub struct Records(BTreeMap<String, Record>);

/// One row: its fields, and how it behaves.
#[derive(Debug, Clone)]
pub struct Record {
    /// What it is.
    pub object: Object,
    /// The fields that are not null, by API name.
    pub fields: BTreeMap<&'static str, Value>,
    /// How it behaves.
    pub behaviour: Behaviour,
}

/// How a row behaves, for tests: in a seed under the key `simulator`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// How many updates find the row locked.
    pub locked_attempts: u32,
    /// Whether it is in the recycle bin.
    pub deleted: bool,
    /// What somebody else does to it just before its next update.
    pub before_update: Option<Interference>,
    /// Status code with which every update of it is refused.
    pub refused_with: Option<String>,
}

/// What somebody else does to a row between a look-up and an update.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interference {
    /// It is deleted.
    Delete,
    /// A Lead is converted to the Contact with this id.
    ConvertTo(String),
    /// Its last voice call becomes this one.
    NewerCall(String),
}

/// Why a row was not written, in the shape of sObject Collections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// What a program reads.
    #[serde(rename = "statusCode")]
    pub status_code: String,
    /// What a person reads.
    pub message: String,
    /// Fields at fault.
    pub fields: Vec<&'static str>,
}

impl RowError {
    pub(crate) fn new(status_code: &str, message: impl Into<String>, fields: &[&'static str]) -> Self {
        Self { status_code: status_code.to_owned(), message: message.into(), fields: fields.to_vec() }
    }
}

impl Records {
    /// Reads `{"Lead": [{"Id": …, "Email": …, "simulator": {"locked_attempts": 2}}], "Contact": […]}`.
    ///
    /// # Errors
    /// Anything that such a row cannot have.
    pub fn from_json(json: &[u8]) -> anyhow::Result<Self> {
        let seed: BTreeMap<String, Vec<Map<String, Value>>> = serde_json::from_slice(json)?;
        let mut records = Self::default();
        for (object, rows) in seed {
            let object = Object::named(&object).with_context(|| format!("no object {object}"))?;
            for row in rows {
                let (id, record) = seeded(object, row)?;
                if records.0.insert(id.clone(), record).is_some() {
                    bail!("two rows have the id {id}");
                }
            }
        }
        Ok(records)
    }

    /// The row with an id of 15 or 18 characters, a deleted one included.
    pub fn get(&self, id: &str) -> Option<&Record> {
        self.0.get(&long_id(id)?)
    }

    /// The row with an id of 15 or 18 characters, a deleted one included.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Record> {
        self.0.get_mut(&long_id(id)?)
    }

    /// The rows of an object that are not deleted.
    pub fn of(&self, object: Object) -> impl Iterator<Item = &Record> {
        self.0.values().filter(move |record| record.object == object && !record.behaviour.deleted)
    }

    /// Updates a row, or leaves it as it is and says why.
    ///
    /// # Errors
    /// What the org refuses.
    pub fn update(
        &mut self,
        object: Object,
        id: &str,
        changes: &[(&'static Field, Value)],
        now: DateTime<Utc>,
    ) -> Result<(), RowError> {
        if long_id(id).is_none() {
            return Err(RowError::new("MALFORMED_ID", "malformed id", &["Id"]));
        }
        let record = self
            .get_mut(id)
            .filter(|record| record.object == object)
            .ok_or_else(|| RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]))?;
        record.interfere();
        record.refuse(id)?;
        let mut changed = record.clone();
        for (field, value) in changes {
            changed.set(field, value)?;
        }
        validate(record, &changed)?;
        changed.fields.insert("LastModifiedDate", json!(format_time(now)));
        *record = changed;
        Ok(())
    }

    /// Adds a row and gives its id.
    ///
    /// # Errors
    /// What the org refuses.
    pub fn create(
        &mut self,
        object: Object,
        values: &[(&'static Field, Value)],
        now: DateTime<Utc>,
    ) -> Result<String, RowError> {
        let id = long_id(&format!("{}5f0{:09}", object.key_prefix(), self.0.len())).unwrap_or_default();
        let mut record = Record { object, fields: BTreeMap::new(), behaviour: Behaviour::default() };
        for (field, value) in values {
            record.set(field, value)?;
        }
        for (name, value) in [("Id", json!(id)), ("IsConverted", json!(false))] {
            if object.field(name).is_some() {
                record.fields.insert(name, value);
            }
        }
        for name in ["CreatedDate", "LastModifiedDate"] {
            record.fields.insert(name, json!(format_time(now)));
        }
        self.0.insert(id.clone(), record);
        Ok(id)
    }
}

impl Record {
    /// A field's value; null where it has none.
    pub fn get(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    /// All fields of the object, null where there is none.
    pub fn to_json(&self) -> Value {
        self.object.fields().map(|field| (field.name.to_owned(), self.get(field.name).clone())).collect()
    }

    fn set(&mut self, field: &'static Field, value: &Value) -> Result<(), RowError> {
        match convert(field, value)? {
            Value::Null => self.fields.remove(field.name),
            value => self.fields.insert(field.name, value),
        };
        Ok(())
    }

    fn interfere(&mut self) {
        match self.behaviour.before_update.take() {
            Some(Interference::Delete) => self.behaviour.deleted = true,
            Some(Interference::ConvertTo(contact)) => {
                self.fields.insert("IsConverted", json!(true));
                self.fields.insert("ConvertedContactId", json!(long_id(&contact)));
            }
            Some(Interference::NewerCall(time)) => {
                self.fields.insert("Last_Voice_Call_Date__c", json!(time));
            }
            None => {}
        }
    }

    fn refuse(&mut self, id: &str) -> Result<(), RowError> {
        if self.behaviour.deleted {
            return Err(RowError::new("ENTITY_IS_DELETED", "entity is deleted", &[]));
        }
        if self.behaviour.locked_attempts > 0 {
            self.behaviour.locked_attempts -= 1;
            let message = format!("unable to obtain exclusive access to this record or 1 records: {id}");
            return Err(RowError::new("UNABLE_TO_LOCK_ROW", message, &[]));
        }
        if self.get("IsConverted") == &json!(true) {
            return Err(RowError::new(
                "CANNOT_UPDATE_CONVERTED_LEAD",
                "cannot reference converted lead",
                &[],
            ));
        }
        match &self.behaviour.refused_with {
            Some(code) => {
                let email = self.get("Email").as_str().unwrap_or_default();
                Err(RowError::new(code, format!("refused for {email}"), &["Last_Voice_Session__c"]))
            }
            None => Ok(()),
        }
    }
}

fn seeded(object: Object, mut row: Map<String, Value>) -> anyhow::Result<(String, Record)> {
    let behaviour = match row.remove("simulator") {
        Some(behaviour) => serde_json::from_value(behaviour).context("read the key simulator")?,
        None => Behaviour::default(),
    };
    let mut record = Record { object, fields: BTreeMap::new(), behaviour };
    for (name, value) in &row {
        let field = object.field(name).with_context(|| format!("{} has no field {name}", object.name()))?;
        if let Err(error) = record.set(field, value) {
            bail!("{name}: {}", error.message);
        }
    }
    let id = record.get("Id").as_str().context("a row has no Id")?.to_owned();
    if !id.starts_with(object.key_prefix()) {
        bail!("{id} is no id of a {}", object.name());
    }
    if object == Object::Lead {
        record.fields.entry("IsConverted").or_insert(json!(false));
    }
    record.fields.entry("CreatedDate").or_insert(json!("2025-01-01T00:00:00.000+0000"));
    let created = record.get("CreatedDate").clone();
    record.fields.entry("LastModifiedDate").or_insert(created);
    Ok((id, record))
}

/// The value as the org keeps it.
fn convert(field: &'static Field, value: &Value) -> Result<Value, RowError> {
    let wrong = || {
        let message = format!("{}: value not of required type: {value}", field.label);
        RowError::new("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[field.name])
    };
    let text = match (field.kind, value) {
        (_, Value::Null) => return Ok(Value::Null),
        (Kind::Boolean, Value::Bool(_)) => return Ok(value.clone()),
        (Kind::Boolean, _) => return Err(wrong()),
        (_, Value::String(text)) => text.trim(),
        _ => return Err(wrong()),
    };
    let longest = match field.kind {
        Kind::Text(longest) => longest,
        Kind::Email => 80,
        _ => 255,
    };
    if text.encode_utf16().count() > longest {
        let message = format!("{}: data value too large: {text} (max length={longest})", field.label);
        return Err(RowError::new("STRING_TOO_LONG", message, &[field.name]));
    }
    match field.kind {
        _ if text.is_empty() => Ok(Value::Null),
        Kind::Id | Kind::Reference => long_id(text).map(Value::from).ok_or_else(wrong),
        Kind::DateTime => parse_time(text).map(|time| json!(format_time(time))).ok_or_else(wrong),
        _ => Ok(json!(text)),
    }
}

/// The org's rule `AND(ISCHANGED(D), NOT(ISBLANK(PRIORVALUE(D))), D < PRIORVALUE(D))`.
fn validate(before: &Record, after: &Record) -> Result<(), RowError> {
    const DATE: &str = "Last_Voice_Call_Date__c";
    let time = |record: &Record| record.get(DATE).as_str().and_then(parse_time);
    match (time(before), time(after)) {
        (Some(before), Some(after)) if after < before => {
            let message = format!("{STALE_MARKER}: the record has a newer voice call");
            Err(RowError::new("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, &[DATE]))
        }
        _ => Ok(()),
    }
}

/// Reads a date and time with any offset.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    Some(time.ok()?.with_timezone(&Utc))
}

/// A date and time as the org gives it: whole seconds.
pub(crate) fn format_time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAD: &str = "00Q5f00000A0001";

    fn records(simulator: Value) -> Records {
        let seed = json!({ "Lead": [{ "Id": LEAD, "Email": "a@x.org", "simulator": simulator }] });
        Records::from_json(&serde_json::to_vec(&seed).unwrap()).unwrap()
    }

    fn update(records: &mut Records, changes: &[(&str, &str)]) -> Result<(), String> {
        let field = |name| Object::Lead.field(name).unwrap();
        let changes: Vec<_> = changes.iter().map(|(name, value)| (field(name), json!(value))).collect();
        records.update(Object::Lead, LEAD, &changes, Utc::now()).map_err(|error| error.status_code)
    }

    #[test]
    fn keeps_whole_seconds_in_utc_and_refuses_an_older_call() {
        let mut records = records(json!({}));
        update(&mut records, &[("Last_Voice_Call_Date__c", "2025-10-29T14:00:00.900+02:00")]).unwrap();
        let kept = records.get(LEAD).unwrap().get("Last_Voice_Call_Date__c");
        assert_eq!(kept, "2025-10-29T12:00:00.000+0000");
        let stale = update(&mut records, &[("Last_Voice_Call_Date__c", "2025-10-29T11:59:59Z")]);
        assert_eq!(stale.unwrap_err(), "FIELD_CUSTOM_VALIDATION_EXCEPTION");
        update(&mut records, &[("Last_Voice_Call_Date__c", "2025-10-29T12:00:00Z")]).unwrap();
    }

    #[test]
    fn refuses_as_a_whole_what_one_field_cannot_hold() {
        let mut records = records(json!({}));
        let result = update(&mut records, &[("Company", "A"), ("Last_Voice_Session__c", &"x".repeat(256))]);
        assert_eq!(result.unwrap_err(), "STRING_TOO_LONG");
        assert_eq!(records.get(LEAD).unwrap().get("Company"), &Value::Null);
    }

    #[test]
    fn a_row_behaves_as_the_seed_says() {
        let mut locked = records(json!({ "locked_attempts": 1 }));
        assert_eq!(update(&mut locked, &[]).unwrap_err(), "UNABLE_TO_LOCK_ROW");
        update(&mut locked, &[]).unwrap();
        let mut deleted = records(json!({ "before_update": "delete" }));
        assert_eq!(deleted.of(Object::Lead).count(), 1);
        assert_eq!(update(&mut deleted, &[]).unwrap_err(), "ENTITY_IS_DELETED");
        assert_eq!(deleted.of(Object::Lead).count(), 0);
        let mut converted = records(json!({ "before_update": { "convert_to": "0035f00000A0001" } }));
        assert_eq!(update(&mut converted, &[]).unwrap_err(), "CANNOT_UPDATE_CONVERTED_LEAD");
    }

    #[test]
    fn a_seed_with_a_mistake_is_refused() {
        for (seed, error) in [
            (json!({ "Account": [{}] }), "no object Account"),
            (json!({ "Lead": [{ "Email": "a@x.org" }] }), "a row has no Id"),
            (json!({ "Lead": [{ "Id": LEAD, "Mail": "a@x.org" }] }), "Lead has no field Mail"),
            (json!({ "Lead": [{ "Id": LEAD }, { "Id": LEAD }] }), "two rows have the id 00Q5f00000A0001EAB"),
            (json!({ "Contact": [{ "Id": LEAD }] }), "00Q5f00000A0001EAB is no id of a Contact"),
        ] {
            let found = Records::from_json(&serde_json::to_vec(&seed).unwrap()).unwrap_err();
            assert_eq!(found.to_string(), error);
        }
    }
}
