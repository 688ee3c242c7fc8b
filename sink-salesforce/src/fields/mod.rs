//! The field map held against what the org describes: what is selected, what is written, and what is the same already.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use schemas::json::Json;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::field_map::{Absent, FieldMap, person_field};
use crate::field_type::{FieldDescription, FieldType, Fit, moment, text, written_time};

/// Fields of a row, by their names.
pub type Row = Map<String, Value>;

/// The values that a payload has for the further fields, by the JSON pointers of the map.
pub type PayloadValues<'a> = HashMap<&'a str, Json<'a>>;

/// The mapped fields of one object of the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFields {
    ended: String,
    session: String,
    session_length: usize,
    others: Vec<Arc<Field>>,
}

/// A further field, as the map and the org's description have it.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    name: String,
    /// Where in a payload its value is.
    from: String,
    kind: FieldType,
    absent: Absent,
}

/// The session that a record had last, or shall have: what orders the sessions of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastSession {
    /// When it ended, in whole seconds.
    pub ended: Option<DateTime<Utc>>,
    /// Its id: the beginning of it, where that is longer than the field.
    pub session: Option<String>,
}

/// A further field of a record, with its value now and the value that it shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue {
    field: Arc<Field>,
    known: Value,
    wanted: Wanted,
}

/// What shall be in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// The value that is there, because there is no other one.
    Keep,
    /// The value that is there, because the field cannot take that of the payload.
    Unfit,
    Write(Value),
}

/// One field that is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The API name of the field.
    pub field: String,
    /// The value that is there.
    pub now: Value,
    /// The value that shall be there.
    pub then: Value,
}

impl ObjectFields {
    /// Holds the map against the description of an object.
    ///
    /// # Errors
    /// A sentence for each field that is not as it must be.
    pub fn resolve(
        map: &FieldMap,
        object: &str,
        described: &[FieldDescription],
    ) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut find = |name: &str, absent: Absent| {
            let found = described.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            match found {
                None => {
                    faults.push(format!("{object} has no field {name} that the integration user may see"))
                }
                Some(field) if !field.updateable => {
                    faults.push(format!("the integration user may not edit {object}.{}", field.name));
                }
                Some(field) if absent == Absent::Null && !field.nillable => faults.push(format!(
                    "{object}.{} may not be empty, so the field map has to say absent = \"omit\"",
                    field.name
                )),
                Some(field) => match field.field_type() {
                    Some(kind) => return Some((field.name.clone(), kind)),
                    None => faults
                        .push(format!("{object}.{} is a {}, which takes no value", field.name, field.kind)),
                },
            }
            None
        };
        let ended = find(map.ended.as_str(), Absent::Omit);
        let session = find(map.session.as_str(), Absent::Omit);
        let others: Vec<_> = map
            .others
            .iter()
            .filter_map(|mapped| {
                let (name, kind) = find(mapped.name.as_str(), mapped.absent)?;
                Some(Arc::new(Field { name, from: mapped.from.clone(), kind, absent: mapped.absent }))
            })
            .collect();
        match (ended, session) {
            (Some((ended, FieldType::DateTime)), Some((session, FieldType::Text(session_length))))
                if faults.is_empty() =>
            {
                Ok(Self { ended, session, session_length, others })
            }
            (ended, session) => {
                if let Some((name, kind)) = ended.filter(|(_, kind)| *kind != FieldType::DateTime) {
                    faults.push(format!("{object}.{name} must be a Date/Time and is a {kind:?}"));
                }
                if let Some((name, kind)) = session.filter(|(_, kind)| !matches!(kind, FieldType::Text(_))) {
                    faults.push(format!("{object}.{name} must be a Text and is a {kind:?}"));
                }
                Err(faults)
            }
        }
    }

    /// The names of all mapped fields, for a statement.
    pub fn select(&self) -> String {
        let others = self.others.iter().map(|field| field.name.as_str());
        let names: Vec<_> = [self.ended.as_str(), &self.session].into_iter().chain(others).collect();
        names.join(", ")
    }

    /// Whether a row has all that was asked for, and says when the last session ended, where there was one. A row that has
    /// not would be taken for a record without a session, and an older one be written over a newer one.
    pub fn is_complete(&self, row: &Row) -> bool {
        let ended = row.get(&self.ended);
        let readable =
            ended.is_some_and(|ended| ended.is_null() || ended.as_str().and_then(moment).is_some());
        let session = row.get(&self.session).is_some_and(|session| session.is_null() || session.is_string());
        readable && session && self.others.iter().all(|field| row.contains_key(&field.name))
    }

    /// The last session of a record, as its row has it.
    pub fn known_session(&self, row: &Row) -> LastSession {
        let value = |name: &str| row.get(name).and_then(Value::as_str);
        LastSession {
            ended: value(&self.ended).and_then(moment),
            session: value(&self.session).map(str::to_owned),
        }
    }

    /// A session as a record shows it.
    pub fn wanted_session(&self, session_id: &str, end_time: DateTime<Utc>) -> LastSession {
        LastSession { ended: Some(end_time.trunc_subsecs(0)), session: text(session_id, self.session_length) }
    }

    /// The further fields of a record, as its row has them.
    pub fn known_values(&self, row: &Row) -> Vec<FieldValue> {
        let known = |field: &Arc<Field>| FieldValue {
            field: Arc::clone(field),
            known: row.get(&field.name).cloned().unwrap_or_default(),
            wanted: Wanted::Keep,
        };
        self.others.iter().map(known).collect()
    }

    /// The values of a Contact, as those of the account that it is the person of: the account has the same fields under names
    /// of its own.
    pub fn of_person(&self, contact: &[FieldValue]) -> Vec<FieldValue> {
        let of_person = |field: &Arc<Field>| {
            let is_same =
                |value: &&FieldValue| person_field(&value.field.name).eq_ignore_ascii_case(&field.name);
            let known = contact.iter().find(is_same).map(|value| value.known.clone());
            FieldValue { field: Arc::clone(field), known: known.unwrap_or_default(), wanted: Wanted::Keep }
        };
        self.others.iter().map(of_person).collect()
    }

    /// What has to be written so that a record with one last session has another, and the values that it shall have.
    pub fn changes(&self, known: &LastSession, wanted: &LastSession, values: &[FieldValue]) -> Vec<Change> {
        let [ended, session] = self.session_values(known);
        let [then_ended, then_session] = self.session_values(wanted);
        let last = [(&self.ended, ended, then_ended), (&self.session, session, then_session)];
        let last = last.into_iter().filter(|(_, now, then)| now != then);
        let last = last.map(|(field, now, then)| Change { field: field.clone(), now, then });
        last.chain(values.iter().filter_map(FieldValue::change)).collect()
    }

    /// The fields that are written.
    pub fn row(&self, wanted: &LastSession, values: &[FieldValue]) -> Row {
        let [ended, session] = self.session_values(wanted);
        let others = values.iter().filter_map(FieldValue::written);
        [(self.ended.clone(), ended), (self.session.clone(), session)].into_iter().chain(others).collect()
    }

    /// The values of the two fields that order the sessions.
    fn session_values(&self, last: &LastSession) -> [Value; 2] {
        let ended = last.ended.map(|time| Value::String(written_time(time)));
        let session = last.session.clone().map(Value::String);
        [ended.unwrap_or_default(), session.unwrap_or_default()]
    }
}

impl LastSession {
    /// What orders the sessions of one record: the second, then the session's id. The record shows both, so the order is
    /// the same within a batch and against what is there, and the outcome does not depend on the order of arrival.
    pub fn order(&self) -> (Option<DateTime<Utc>>, Option<&str>) {
        (self.ended, self.session.as_deref())
    }
}

impl FieldValue {
    /// Takes the value of a payload as the wanted one. A field that cannot take its value is left as it is: there is one, so
    /// nobody asked to empty the field.
    pub fn want(&mut self, payload: &PayloadValues<'_>) {
        let value = payload.get(self.field.from.as_str());
        self.wanted = match value.map_or(Fit::Nothing, |value| self.field.kind.fit(*value)) {
            Fit::Value(value) => Wanted::Write(value),
            Fit::Nothing if self.field.absent == Absent::Null => Wanted::Write(Value::Null),
            Fit::Nothing => Wanted::Keep,
            Fit::Unfit => Wanted::Unfit,
        };
    }

    /// The name of the field, where it cannot take the value of the payload.
    pub fn unfit(&self) -> Option<&str> {
        (self.wanted == Wanted::Unfit).then_some(self.field.name.as_str())
    }

    /// The value once it is written.
    pub fn after(self) -> Self {
        let known = match self.wanted {
            Wanted::Write(value) => value,
            Wanted::Keep | Wanted::Unfit => self.known,
        };
        Self { known, wanted: Wanted::Keep, ..self }
    }

    fn written(&self) -> Option<(String, Value)> {
        match &self.wanted {
            Wanted::Write(value) => Some((self.field.name.clone(), value.clone())),
            Wanted::Keep | Wanted::Unfit => None,
        }
    }

    fn change(&self) -> Option<Change> {
        let (field, then) = self.written()?;
        let is_same = self.field.kind.is_same(&then, &self.known);
        (!is_same).then(|| Change { field, now: self.known.clone(), then })
    }
}
