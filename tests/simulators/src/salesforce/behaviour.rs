//! How a row behaves, for tests: in a seed under the key `simulator`.

use serde::Deserialize;
use serde_json::json;

use super::objects::{Object, long_id};
use super::record::Record;
use super::row_error::RowError;

/// The rules of a row of its own.
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
    /// The duplicate rule that an update of it meets.
    pub duplicate_rule: Option<DuplicateRule>,
}

/// What somebody else does to a row between a look-up and an update.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interference {
    /// The row is deleted.
    Delete,
    /// A Lead is converted to the Contact with this id.
    ConvertTo(String),
    /// Its last voice call becomes this one.
    NewerCall(String),
}

/// What a duplicate rule does with a row that looks like another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateRule {
    /// The caller may save it all the same, by a header.
    Alert,
    /// The record is refused, whatever the header says.
    Block,
}

/// Lets somebody else do what they do just before an update.
pub(crate) fn interfere(record: &mut Record) {
    match record.behaviour.before_update.take() {
        Some(Interference::Delete) => record.behaviour.deleted = true,
        Some(Interference::ConvertTo(contact)) => {
            record.fields.insert("IsConverted", json!(true));
            record.fields.insert("ConvertedContactId", json!(long_id(&contact)));
        }
        Some(Interference::NewerCall(time)) => {
            let field = match record.object {
                Object::Account => "Last_Voice_Call_Date__pc",
                Object::Lead | Object::Contact => "Last_Voice_Call_Date__c",
            };
            record.fields.insert(field, json!(time));
        }
        None => {}
    }
}

/// Whether an update may begin; a lock is one attempt nearer to its end.
pub(crate) fn refuse(record: &mut Record, id: &str, allows_duplicates: bool) -> Result<(), RowError> {
    if record.behaviour.deleted {
        return Err(RowError::deleted());
    }
    if record.behaviour.locked_attempts > 0 {
        record.behaviour.locked_attempts -= 1;
        return Err(RowError::locked(id));
    }
    if record.get("IsConverted") == &json!(true) {
        return Err(RowError::new("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", &[]));
    }
    if let Some(code) = &record.behaviour.refused_with {
        // The real messages hold values of the record, too.
        let email = record.get("Email").as_str().unwrap_or_default();
        return Err(RowError::new(code, format!("refused for {email}"), &["Last_Voice_Session__c"]));
    }
    match record.behaviour.duplicate_rule {
        Some(DuplicateRule::Alert) if allows_duplicates => Ok(()),
        Some(_) => Err(RowError::new("DUPLICATES_DETECTED", "Use one of these records?", &[])),
        None => Ok(()),
    }
}
