//! What codes and messages of refused rows mean.

use super::*;
use crate::example;
use crate::records::Kind;

fn judge(status_code: &str, message: &str) -> Verdict {
    let record = example::record(Kind::Lead, "00Q1");
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
    assert_eq!(judge(rule, "VOICE_STALE_WRITE: newer session"), Verdict::Stale);
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
    let Verdict::Configuration(reason) = judge("INVALID_FIELD", "No such column 'X' on sobject of type Lead")
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
