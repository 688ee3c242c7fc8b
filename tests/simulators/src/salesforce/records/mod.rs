//! The rows of the org, and the way of a change to one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::behaviour::{Behaviour, interfere, refuse};
use super::objects::{Field, Object, long_id};
use super::person_accounts::{mirror, twin_id};
use super::record::Record;
use super::row_error::RowError;
use super::rules::{require, validate};
use super::value::format_time;

/// Queue that the org's assignment rule gives Leads to (id of 15 characters).
pub const ASSIGNMENT_QUEUE: &str = "00G5f000000Queu";
/// Who the history says did what the seed asked for.
pub const SOMEBODY_ELSE: &str = "somebody else";

/// All rows by their id of 18 characters.
#[derive(Debug, Default)]
pub struct Records(pub(crate) BTreeMap<String, Record>);

/// Fields and what they shall hold.
pub type Changes = Vec<(&'static Field, Value)>;

/// Under what conditions a row is changed.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// User name of who changes it.
    pub by: String,
    /// When it is changed.
    pub now: DateTime<Utc>,
    /// Whether the org's assignment rule is applied to a Lead.
    pub assigns: bool,
    /// Whether it is saved although a duplicate rule would warn of it.
    pub allows_duplicates: bool,
}

impl Records {
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
        changes: &Changes,
        conditions: &Conditions,
    ) -> Result<(), RowError> {
        if long_id(id).is_none() {
            return Err(RowError::new("MALFORMED_ID", "malformed id", &["Id"]));
        }
        let record = self
            .get_mut(id)
            .filter(|record| record.object == object)
            .ok_or_else(|| RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]))?;
        let before = record.clone();
        interfere(record);
        record.remember(&before, conditions.now, |_| SOMEBODY_ELSE.to_owned());
        let result = refuse(record, id, conditions.allows_duplicates)
            .and_then(|()| changed(record, changes, conditions))
            .map(|changed| *record = changed);
        // Also where the update was refused: somebody else may have changed the row before it.
        let after = record.clone();
        if after.fields != before.fields
            && let Some(twin) = twin_id(&after).and_then(|id| self.get_mut(id))
        {
            mirror(&after, twin);
        }
        result
    }

    /// Adds a row and gives its id.
    ///
    /// # Errors
    /// What the org refuses.
    pub fn create(
        &mut self,
        object: Object,
        values: &Changes,
        now: DateTime<Utc>,
    ) -> Result<String, RowError> {
        let number = (self.0.len()..).map(|number| format!("{}5f0{number:09}", object.key_prefix()));
        let id = number.filter_map(|id| long_id(&id)).find(|id| !self.0.contains_key(id)).unwrap_or_default();
        let mut record = Record::new(object, Behaviour::default());
        for (field, value) in values {
            record.set(field, value)?;
        }
        require(&record, |_| true)?;
        for (name, value) in [("Id", json!(id)), ("IsConverted", json!(false))] {
            if let Some(field) = object.field(name) {
                record.fields.insert(field.name, value);
            }
        }
        record.fields.insert("CreatedDate", json!(format_time(now)));
        record.touch(now);
        self.0.insert(id.clone(), record);
        Ok(id)
    }

    /// A row as it is now, and its twin, which an update of the row changes with it.
    pub(crate) fn with_twin(&self, id: &str) -> Vec<Record> {
        let record = self.get(id);
        let twin = record.and_then(twin_id).and_then(|id| self.get(id));
        record.into_iter().chain(twin).cloned().collect()
    }

    /// Gives rows the fields and the history that they had; how they behave stays as it is now.
    pub(crate) fn take_back(&mut self, before: Vec<Record>) {
        for before in before {
            if let Some(record) = self.get_mut(before.text("Id")) {
                let behaviour = std::mem::take(&mut record.behaviour);
                *record = Record { behaviour, ..before };
            }
        }
    }

    /// Removes a row as if it had never been.
    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }
}

fn changed(record: &Record, changes: &Changes, conditions: &Conditions) -> Result<Record, RowError> {
    let assigns = conditions.assigns && record.object == Object::Lead;
    let mut changed = record.clone();
    for (field, value) in changes {
        changed.set(field, value)?;
    }
    if assigns {
        changed.fields.insert("OwnerId", json!(long_id(ASSIGNMENT_QUEUE)));
    }
    validate(record, &changed)?;
    changed.touch(conditions.now);
    changed.remember(record, conditions.now, |field| match assigns && field.name == "OwnerId" {
        true => "assignment rule".to_owned(),
        false => conditions.by.clone(),
    });
    Ok(changed)
}

#[cfg(test)]
mod tests;
