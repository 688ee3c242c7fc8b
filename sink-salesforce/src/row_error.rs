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
    /// The user may not write this row: not this one, or none of its kind any more.
    Forbidden(String),
    /// This row can never be written.
    Reject(String),
    /// No row can be written until somebody changes the org or its configuration.
    Unavailable {
        /// What is wrong.
        reason: String,
        /// When to try again, where Salesforce says so.
        after: Option<Duration>,
    },
}

const PASSING: [&str; 6] = [
    "UNABLE_TO_LOCK_ROW",
    "ENTITY_IS_LOCKED",
    "REQUEST_RUNNING_TOO_LONG",
    "QUERY_TIMEOUT",
    "TOO_MANY_APEX_REQUESTS",
    "UNKNOWN_EXCEPTION",
];
const MOVED: [&str; 3] = ["CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"];
const ORG: [&str; 10] = [
    "INVALID_FIELD",
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "API_DISABLED_FOR_ORG",
    "API_CURRENTLY_DISABLED",
    "INVALID_TYPE",
    "REQUEST_LIMIT_EXCEEDED",
    "SERVER_UNAVAILABLE",
    "INVALID_SESSION_ID",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    "STORAGE_LIMIT_EXCEEDED",
];
const FORBIDDEN: [&str; 2] = ["INSUFFICIENT_ACCESS_OR_READONLY", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"];
const PERMANENT: [&str; 10] = [
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "STRING_TOO_LONG",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "DUPLICATES_DETECTED",
    "REQUIRED_FIELD_MISSING",
    "CANNOT_EXECUTE_FLOW_TRIGGER",
    "INVALID_TYPE_ON_FIELD_IN_RECORD",
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
    if any(&["FIELD_CUSTOM_VALIDATION_EXCEPTION"]) && mentions(STALE_MARKER) {
        Verdict::Stale
    } else if any(&ORG) {
        let details: Vec<_> = errors.iter().map(|error| safe(&error.message)).collect();
        Verdict::Unavailable { reason: format!("{reason}: {}", details.join("; ")), after: None }
    } else if any(&MOVED) {
        Verdict::ResolveAgain(reason)
    } else if any(&PASSING) || mentions("UNABLE_TO_LOCK_ROW") {
        // Triggers and flows wrap a lock into an error of their own.
        Verdict::Retry(reason)
    } else if any(&FORBIDDEN) {
        Verdict::Forbidden(reason)
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
    fn every_known_code_has_its_class() {
        for code in PASSING {
            assert!(matches!(judge(code, ""), Verdict::Retry(_)), "{code}");
        }
        for code in MOVED {
            assert!(matches!(judge(code, ""), Verdict::ResolveAgain(_)), "{code}");
        }
        for code in ORG {
            assert!(matches!(judge(code, ""), Verdict::Unavailable { .. }), "{code}");
        }
        for code in FORBIDDEN {
            assert!(matches!(judge(code, ""), Verdict::Forbidden(_)), "{code}");
        }
        for code in PERMANENT {
            assert!(matches!(judge(code, ""), Verdict::Reject(_)), "{code}");
        }
        assert!(matches!(judge("SOMETHING_NEW", ""), Verdict::Retry(_)));
    }

    #[test]
    fn only_our_own_rule_means_stale() {
        let rule = "FIELD_CUSTOM_VALIDATION_EXCEPTION";
        assert_eq!(judge(rule, "VOICE_STALE_WRITE: newer call"), Verdict::Stale);
        assert!(matches!(judge(rule, "a company is needed"), Verdict::Reject(_)));
        assert!(matches!(judge("STRING_TOO_LONG", "VOICE_STALE_WRITE"), Verdict::Reject(_)));
    }

    #[test]
    fn a_lock_is_found_inside_a_trigger_s_error() {
        let wrapped = "LeadTrigger: execution of AfterUpdate caused by: UNABLE_TO_LOCK_ROW, unable to obtain";
        assert!(matches!(judge("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", wrapped), Verdict::Retry(_)));
    }

    #[test]
    fn reasons_name_code_field_and_record_but_no_value() {
        let Verdict::Reject(reason) = judge("STRING_TOO_LONG", "data value too large: a@x.org") else {
            panic!()
        };
        insta::assert_snapshot!(reason, @"Salesforce refuses Lead 00Q1: STRING_TOO_LONG of Status");
        let Verdict::Unavailable { reason, .. } =
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
