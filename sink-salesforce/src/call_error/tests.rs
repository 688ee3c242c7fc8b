//! What statuses and bodies of refused calls mean.

use super::*;

fn reason(status: u16, body: &str) -> String {
    match refused(status, None, body.as_bytes()) {
        CallError::Broken { reason }
        | CallError::Elsewhere { reason }
        | CallError::Unavailable { reason, .. }
        | CallError::Configuration { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_both_shapes() {
    let list = r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
    let object = r#"{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}"#;
    for (status, body) in [(401, list), (403, list), (401, object), (403, object), (401, "<html>")] {
        assert_eq!(refused(status, None, body.as_bytes()), CallError::Unauthorized);
    }
}

#[test]
fn only_faults_of_the_content_are_charged_to_it() {
    let malformed = r#"[{"message":"unexpected token: 'a@x.org'","errorCode":"MALFORMED_QUERY"}]"#;
    let reason = "MALFORMED_QUERY (400)".to_owned();
    assert_eq!(refused(400, None, malformed.as_bytes()), CallError::Content { reason });
    assert!(matches!(refused(414, None, b""), CallError::Content { .. }));
    let timeout = br#"[{"message":"","errorCode":"QUERY_TIMEOUT"}]"#;
    assert!(matches!(refused(400, None, timeout), CallError::Doubtful { .. }));
    for code in ["INVALID_FIELD", "INVALID_TYPE", "SOMETHING_NEW"] {
        let body = format!(r#"[{{"message":"","errorCode":"{code}"}}]"#);
        assert!(matches!(refused(400, None, body.as_bytes()), CallError::Configuration { .. }));
    }
}

#[test]
fn reasons_explain_and_hold_no_address() {
    insta::assert_snapshot!(
        reason(400, r#"[{"errorCode":"INVALID_FIELD","message":"SELECT X FROM Lead WHERE Email IN ('a@x.org')\n^\nNo such column 'X' on entity 'Lead'."}]"#),
        @"Salesforce refuses the call (400, INVALID_FIELD): No such column 'X' on entity 'Lead'."
    );
    insta::assert_snapshot!(
        reason(403, r#"{"errorCode":"a@x.org","message":"user a@x.org may not"}"#),
        @"Salesforce refuses the call (403, no code): the message is withheld, it holds an address"
    );
    insta::assert_snapshot!(reason(503, "<html>"), @"Salesforce is not available (503, no code)");
    insta::assert_snapshot!(
        reason(403, r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#),
        @"the org's API calls of the day are used up (REQUEST_LIMIT_EXCEEDED)"
    );
    insta::assert_snapshot!(reason(301, ""), @"Salesforce sends the call elsewhere (301); check SALESFORCE_URL");
    insta::assert_snapshot!(reason(410, "[]"), @"Salesforce has no such resource (410, no code); check SALESFORCE_API_VERSION");
}

#[test]
fn what_salesforce_does_not_say_itself_is_said_elsewhere() {
    for (status, body) in [(301, ""), (307, "[]"), (404, "<html>"), (410, "")] {
        assert!(matches!(refused(status, None, body.as_bytes()), CallError::Elsewhere { .. }), "{status}");
    }
    let gone = br#"[{"errorCode":"NOT_FOUND","message":""}]"#;
    assert!(matches!(refused(404, None, gone), CallError::Configuration { .. }));
}

#[test]
fn a_retry_after_is_kept() {
    let after = Some(Duration::from_secs(7));
    assert!(matches!(refused(503, after, b""), CallError::Unavailable { after: kept, .. } if kept == after));
}

#[test]
fn a_refused_token_names_what_to_check() {
    let refused = |body: &str| token_refused(400, None, body.as_bytes(), "THE_KEY").to_string();
    insta::assert_snapshot!(
        refused(r#"{"error":"invalid_grant","error_description":"invalid assertion"}"#),
        @"Salesforce gives no access token: invalid_grant (invalid assertion); check THE_KEY"
    );
    insta::assert_snapshot!(
        refused(r#"{"error":"invalid_app_access","error_description":"user is not admin approved to access this app"}"#),
        @"Salesforce gives no access token: invalid_app_access (user is not admin approved to access this app); check THE_KEY, and that the app's policies let the user in (docs/SALESFORCE.md)"
    );
    insta::assert_snapshot!(refused("<html>"), @"Salesforce gives no access token: status 400; check SALESFORCE_URL");
}
