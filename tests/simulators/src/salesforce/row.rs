//! A row as a request has it.

use serde_json::{Map, Value};

use super::api_error::ApiError;
use super::objects::{Field, Object, long_id};
use super::records::Changes;
use super::row_error::RowError;
use super::settings::Settings;
use super::value::readable;

/// One row of a request.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) object: Object,
    pub(crate) id: Option<String>,
    values: Map<String, Value>,
}

impl Row {
    /// Reads a row that is the whole body of a call.
    pub(crate) fn from_body(settings: &Settings, object: Object, body: &[u8]) -> Result<Self, ApiError> {
        let mut values: Map<String, Value> =
            serde_json::from_slice(body).map_err(ApiError::unreadable_json)?;
        values.remove("attributes");
        Self { object, id: None, values }.readable(settings)
    }

    /// Reads a row of a list, which says itself what it is.
    pub(crate) fn from_list(settings: &Settings, mut values: Map<String, Value>) -> Result<Self, ApiError> {
        let attributes = values.remove("attributes").unwrap_or_default();
        let name = attributes["type"].as_str().unwrap_or_default();
        if name.is_empty() {
            let message = "Include attributes with a type in each record";
            return Err(ApiError::bad_request("INVALID_INPUT", message));
        }
        let object = settings.object(name).ok_or_else(|| {
            ApiError::bad_request("INVALID_TYPE", format!("sObject type '{name}' is not supported."))
        })?;
        let id = values.remove("id").or_else(|| values.remove("Id"));
        let id = id.and_then(|id| id.as_str().map(str::to_owned));
        Self { object, id, values }.readable(settings)
    }

    /// The parser knows the types of the fields, so a value of another type is a fault of the whole call.
    fn readable(self, settings: &Settings) -> Result<Self, ApiError> {
        for (name, value) in &self.values {
            if let Some(field) = settings.field(self.object, name) {
                readable(field, value).map_err(ApiError::unreadable_json)?;
            }
        }
        Ok(self)
    }

    pub(crate) fn long_id(&self) -> Option<String> {
        long_id(self.id.as_deref()?)
    }

    /// Whether it sets a field.
    pub(crate) fn has(&self, field: &Field) -> bool {
        self.values.keys().any(|name| name.eq_ignore_ascii_case(field.name))
    }

    pub(crate) fn insert(&mut self, field: &Field, value: Value) {
        self.values.insert(field.name.to_owned(), value);
    }

    /// The fields that it wants to set, where the user may.
    pub(crate) fn changes(&self, settings: &Settings) -> Result<Changes, RowError> {
        if !settings.may_edit(self.object) {
            let message = format!("entity type cannot be updated: {}", self.object.name());
            return Err(RowError::new("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[]));
        }
        let change = |(name, value): (&String, &Value)| {
            // A field that is hidden is known all the same: writing it is refused, not unknown.
            let field = self.object.field(name).filter(|field| settings.person_accounts || !field.of_persons);
            let field = field.ok_or_else(|| {
                let message = format!("No such column '{name}' on sobject of type {}", self.object.name());
                RowError::new("INVALID_FIELD", message, &[])
            })?;
            if settings.may_set(self.object, field) {
                return Ok((field, value.clone()));
            }
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings of this field and verify \
                 that it is read/write for your profile or permission set.",
                field.name
            );
            Err(RowError::new("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[field.name]))
        };
        self.values.iter().map(change).collect()
    }
}
