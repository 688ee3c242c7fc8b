//! What a refused row of an update means, decided by its status codes.

use std::time::Duration;

use serde::Deserialize;

use crate::call_error::{code, safe};
use crate::records::Record;

/// Text by which the org's validation rule says that the record already has a newer call.
pub const STALE_MARKER: &str = "VOICE_STALE_WRITE";

/// One error of one row, as sObject Collections give it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowError {
    /// What went wrong.
    #[serde(alias = "errorCode", default)]
    pub status_code: String,
    /// The same for a person; it can hold values of the record.
    #[serde(default)]
    pub message: String,
    /// Fields at fault.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is written.
    Updated,
    /// The record has a newer call: there is nothing to write.
    Stale,
    /// It is converted, deleted or merged since it was looked up: which record it is must be asked again.
    ResolveAgain(String),
    /// Something passes, such as a lock.
    Retry(String),
    /// As [`Self::Configuration`] or [`Self::Unavailable`], but other rows are written: it is the row's own, and may pass.
    Own(String),
    /// Nothing is known: it was not written yet, for want of time.
    NotYet(String),
    /// The row is at fault, or the org allows less than it did: what it allows must be asked again.
    Doubtful(String),
    /// This row can never be written.
    Reject(String),
    /// No row can be written until somebody changes the org or its configuration.
    Configuration(String),
    /// No row can be written for the moment.
    Unavailable {
        /// What is wrong.
        reason: String,
        /// When to try again, where Salesforce says so.
        after: Option<Duration>,
    },
}

/// Codes of what passes by itself, for a row or for a whole call.
pub(crate) const PASSING: [&str; 6] = [
    "UNABLE_TO_LOCK_ROW",
    "ENTITY_IS_LOCKED",
    "REQUEST_RUNNING_TOO_LONG",
    "QUERY_TIMEOUT",
    "TOO_MANY_APEX_REQUESTS",
    "UNKNOWN_EXCEPTION",
];
/// Codes that say of the whole org that it takes nothing for the moment.
pub(crate) const PAUSING: [&str; 5] = [
    "REQUEST_LIMIT_EXCEEDED",
    "SERVER_UNAVAILABLE",
    "INVALID_SESSION_ID",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    "STORAGE_LIMIT_EXCEEDED",
];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::LastCall;
    use crate::records::Kind;

    fn judge(status_code: &str, message: &str) -> Verdict {
        let record = Record { kind: Kind::Lead, id: "00Q1".to_owned(), known: LastCall::default() };
        let (status_code, message) = (status_code.to_owned(), message.to_owned());
        verdict(&[RowError { status_code, message, fields: vec!["Status".to_owned()] }], &record)
    }

    #[test]
    fn a_code_says_whether_row_call_or_org_is_at_fault() {
        let class = |code| match judge(code, "") {
            Verdict::Updated | Verdict::Stale | Verdict::Own(_) | Verdict::NotYet(_) => panic!("{code}"),
            Verdict::ResolveAgain(_) => "resolve again",
            Verdict::Retry(_) => "retry",
            Verdict::Doubtful(_) => "doubtful",
            Verdict::Reject(_) => "reject",
            Verdict::Configuration(_) => "configuration",
            Verdict::Unavailable { .. } => "pause",
        };
        for (code, wanted) in [
            ("UNABLE_TO_LOCK_ROW", "retry"),
            ("ENTITY_IS_LOCKED", "retry"),
            ("REQUEST_RUNNING_TOO_LONG", "retry"),
            ("QUERY_TIMEOUT", "retry"),
            ("TOO_MANY_APEX_REQUESTS", "retry"),
            ("UNKNOWN_EXCEPTION", "retry"),
            ("SOMETHING_NEW", "retry"),
            ("CANNOT_UPDATE_CONVERTED_LEAD", "resolve again"),
            ("ENTITY_IS_DELETED", "resolve again"),
            ("INVALID_CROSS_REFERENCE_KEY", "resolve again"),
            ("REQUEST_LIMIT_EXCEEDED", "pause"),
            ("SERVER_UNAVAILABLE", "pause"),
            ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "pause"),
            ("INVALID_FIELD", "configuration"),
            ("INVALID_FIELD_FOR_INSERT_UPDATE", "configuration"),
            ("API_DISABLED_FOR_ORG", "configuration"),
            ("API_CURRENTLY_DISABLED", "configuration"),
            ("INVALID_TYPE", "configuration"),
            ("INSUFFICIENT_ACCESS_OR_READONLY", "doubtful"),
            ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "doubtful"),
            ("STRING_TOO_LONG", "doubtful"),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "reject"),
            ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "reject"),
            ("DUPLICATES_DETECTED", "reject"),
            ("REQUIRED_FIELD_MISSING", "reject"),
            ("CANNOT_EXECUTE_FLOW_TRIGGER", "reject"),
        ] {
            assert_eq!(class(code), wanted, "{code}");
        }
    }

    #[test]
    fn only_our_own_rule_means_stale() {
        let rule = "FIELD_CUSTOM_VALIDATION_EXCEPTION";
        assert_eq!(judge(rule, "VOICE_STALE_WRITE: newer call"), Verdict::Stale);
        assert!(matches!(judge(rule, "a company is needed"), Verdict::Reject(_)));
        assert!(matches!(judge("STRING_TOO_LONG", "VOICE_STALE_WRITE"), Verdict::Doubtful(_)));
    }

    #[test]
    fn a_lock_is_found_inside_a_trigger_s_error() {
        let wrapped = "LeadTrigger: execution of AfterUpdate caused by: UNABLE_TO_LOCK_ROW, unable to obtain";
        assert!(matches!(judge("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", wrapped), Verdict::Retry(_)));
    }

    #[test]
    fn reasons_name_code_field_and_record_but_no_value() {
        let Verdict::Doubtful(reason) = judge("STRING_TOO_LONG", "data value too large: a@x.org") else {
            panic!()
        };
        insta::assert_snapshot!(reason, @"Salesforce refuses Lead 00Q1: STRING_TOO_LONG of Status");
        let Verdict::Configuration(reason) =
            judge("INVALID_FIELD", "No such column 'X' on sobject of type Lead")
        else {
            panic!()
        };
        insta::assert_snapshot!(
            reason,
            @"Salesforce refuses Lead 00Q1: INVALID_FIELD of Status: No such column 'X' on sobject of type Lead"
        );
        let Verdict::Retry(reason) = judge("a@x.org", "") else { panic!() };
        assert!(!reason.contains('@'));
    }
}
