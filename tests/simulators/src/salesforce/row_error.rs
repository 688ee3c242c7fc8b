//! Why a row was not written.

use serde::Serialize;

/// In the shape of sObject Collections.
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

    pub(crate) fn locked(id: &str) -> Self {
        let message = format!("unable to obtain exclusive access to this record or 1 records: {id}");
        Self::new("UNABLE_TO_LOCK_ROW", message, &[])
    }

    /// A lock as the error of a trigger that met it: the code is another one.
    pub(crate) fn lock_within_a_trigger(id: &str) -> Self {
        let message = format!(
            "LeadTrigger: execution of AfterUpdate\n\ncaused by: System.DmlException: Update failed. First \
             exception on row 0 with id {id}; first error: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access \
             to this record or 1 records: {id}: []"
        );
        Self::new("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[])
    }

    pub(crate) fn deleted() -> Self {
        Self::new("ENTITY_IS_DELETED", "entity is deleted", &[])
    }
}
