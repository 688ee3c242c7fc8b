//! What a refused row of an update means, decided by its status codes.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Deserialize;

use crate::error_code::{PASSING, PAUSING, code, safe};
use crate::records::Record;

/// Text by which the org's validation rule says that the record already has a newer session.
pub const STALE_MARKER: &str = "VOICE_STALE_WRITE";

/// One error of one row, as sObject Collections give it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowError {
    /// Salesforce's code of what went wrong.
    #[serde(alias = "errorCode", default)]
    pub status_code: String,
    /// What went wrong, for a person to read; it can hold values of the record.
    #[serde(default)]
    pub message: String,
    /// The fields that are at fault.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The row is written.
    Updated,
    /// The record has a newer session: there is nothing to write.
    Stale,
    /// It is converted, deleted or merged since it was looked up: which record it is must be asked again.
    ResolveAgain(String),
    /// Something is in the way that passes, such as a lock.
    Retry(String),
    /// As [`Self::Configuration`] or [`Self::Unavailable`], but other rows are written: it is the row's own, and may pass.
    Own(String),
    /// Nothing is known of the row: it was not written yet, for want of time.
    NotYet(String),
    /// The row is at fault, or the org allows less than it did: what it allows must be asked again.
    Doubtful(String),
    /// This row can never be written.
    Reject(String),
    /// No row can be written until somebody changes the org or its configuration.
    Configuration(String),
    /// No row can be written for the moment.
    Unavailable {
        /// What is wrong with the org.
        reason: String,
        /// When to try again, where Salesforce says so.
        after: Option<Duration>,
    },
}

const MOVED: [&str; 3] = ["CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"];
const CONFIGURATION: [&str; 5] = [
    "INVALID_FIELD",
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "API_DISABLED_FOR_ORG",
    "API_CURRENTLY_DISABLED",
    "INVALID_TYPE",
];
const DOUBTFUL: [&str; 4] = [
    "INSUFFICIENT_ACCESS_OR_READONLY",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    "STRING_TOO_LONG",
    "INVALID_TYPE_ON_FIELD_IN_RECORD",
];
const PERMANENT: [&str; 8] = [
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "DUPLICATES_DETECTED",
    "REQUIRED_FIELD_MISSING",
    "CANNOT_EXECUTE_FLOW_TRIGGER",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "DUPLICATE_VALUE",
    "MALFORMED_ID",
];

/// What the errors of a refused row mean. A code that nobody has told us of is retried: the number of attempts is
/// bounded, so it ends as a dead letter where it does not pass.
pub fn verdict(errors: &[RowError], record: &Record) -> Verdict {
    let any = |codes: &[&str]| errors.iter().any(|error| codes.contains(&error.status_code.as_str()));
    let mentions = |text: &str| errors.iter().any(|error| error.message.contains(text));
    let reason = reason(errors, record);
    let with_messages = || {
        let messages: Vec<_> = errors.iter().map(|error| safe(&error.message)).collect();
        format!("{reason}: {}", messages.join("; "))
    };
    if any(&["FIELD_CUSTOM_VALIDATION_EXCEPTION"]) && mentions(STALE_MARKER) {
        Verdict::Stale
    } else if any(&CONFIGURATION) {
        Verdict::Configuration(with_messages())
    } else if any(&PAUSING) {
        Verdict::Unavailable { reason: with_messages(), after: None }
    } else if any(&MOVED) {
        Verdict::ResolveAgain(reason)
    } else if any(&PASSING) || mentions("UNABLE_TO_LOCK_ROW") {
        // Triggers and flows wrap a lock into an error of their own.
        Verdict::Retry(reason)
    } else if any(&DOUBTFUL) {
        Verdict::Doubtful(reason)
    } else if any(&PERMANENT) {
        Verdict::Reject(reason)
    } else {
        Verdict::Retry(reason)
    }
}

/// Code, fields and record, without the message: it can hold values of the record.
fn reason(errors: &[RowError], record: &Record) -> String {
    let describe = |error: &RowError| {
        let fields: Vec<_> = error.fields.iter().map(|field| code(field)).collect();
        match fields.is_empty() {
            true => code(&error.status_code).to_owned(),
            false => format!("{} of {}", code(&error.status_code), fields.join(", ")),
        }
    };
    let errors: Vec<_> = errors.iter().map(describe).collect();
    format!("Salesforce refuses {} {}: {}", record.kind.object(), record.id, errors.join("; "))
}
