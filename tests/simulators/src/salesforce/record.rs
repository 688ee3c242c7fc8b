//! One row.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::behaviour::Behaviour;
use super::objects::{Field, Object};
use super::row_error::RowError;
use super::value::{convert, format_time, parse_time};

/// A row: its fields, what they were before, and how it behaves.
#[derive(Debug, Clone)]
pub struct Record {
    /// Of which object it is a row.
    pub object: Object,
    /// The fields that are not null, by API name.
    pub fields: BTreeMap<&'static str, Value>,
    /// The changes of its tracked fields, oldest first.
    pub history: Vec<Change>,
    /// How it behaves.
    pub behaviour: Behaviour,
}

/// A tracked field got another value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// API name.
    pub field: &'static str,
    /// What it was; null for nothing.
    pub old: Value,
    /// What it is now.
    pub new: Value,
    /// When it was changed, as the API writes times.
    pub at: String,
    /// User name of who changed it.
    pub by: String,
}

impl Record {
    pub(crate) fn new(object: Object, behaviour: Behaviour) -> Self {
        Self { object, fields: BTreeMap::new(), history: Vec::new(), behaviour }
    }

    /// A field's value; null where it has none.
    pub fn get(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    /// A field's text; empty where it has none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).as_str().unwrap_or_default()
    }

    /// All fields of the object, null where there is none.
    pub fn to_json(&self) -> Value {
        self.object.fields().map(|field| (field.name.to_owned(), self.get(field.name).clone())).collect()
    }

    /// When it was last changed.
    pub(crate) fn last_modified(&self) -> Option<DateTime<Utc>> {
        parse_time(self.text("LastModifiedDate"))
    }

    pub(crate) fn set(&mut self, field: &'static Field, value: &Value) -> Result<(), RowError> {
        match convert(field, value)? {
            Value::Null => self.fields.remove(field.name),
            value => self.fields.insert(field.name, value),
        };
        Ok(())
    }

    /// Remembers how the tracked fields differ from what they were.
    pub(crate) fn remember(&mut self, before: &Self, now: DateTime<Utc>, by: impl Fn(&Field) -> String) {
        for field in self.object.fields().filter(|field| field.tracked) {
            let (old, new) = (before.get(field.name).clone(), self.get(field.name).clone());
            if old != new {
                self.history.push(Change {
                    field: field.name,
                    old,
                    new,
                    at: format_time(now),
                    by: by(field),
                });
            }
        }
    }

    pub(crate) fn touch(&mut self, now: DateTime<Utc>) {
        self.fields.insert("LastModifiedDate", json!(format_time(now)));
    }
}
