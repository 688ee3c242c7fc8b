//! `check` of the program.

use serde_json::{Value, json};
use test_servers::{NatsServer, NatsUser};

use crate::binary::{set_up, sink};
use crate::org::Org;

// The simulator answers while the test waits for the program.
#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_is_there_what_is_missing_and_what_to_do() {
    let (org, nats) = (Org::start().await, NatsServer::start().await);
    let (good, checks) = check(&org, &nats);
    assert!(
        !good && bad(&checks).iter().all(|line| line.contains("run sink-salesforce setup")),
        "{checks:?}"
    );

    set_up(&org, &nats);
    let (good, checks) = check(&org, &nats);
    let what: Vec<_> = checks.iter().map(|check| check["what"].as_str().unwrap()).collect();
    assert_eq!(
        what,
        [
            "NATS",
            "stream SESSIONS",
            "stream SESSIONS_DLQ",
            "consumer sink-salesforce",
            "NATS_SYNC_INTERVAL",
            "access token",
            "API version v68.0",
            "fields of Lead",
            "Lead.Email",
            "fields of Contact",
            "Contact.Email",
            "API calls of the day",
        ]
    );
    assert!(good, "{checks:?}");

    for (settings, found) in [
        (json!({ "hidden": ["Lead.Last_Voice_Session__c"] }), "Lead has no field Last_Voice_Session__c"),
        (
            json!({ "hidden": ["Contact.Email"] }),
            "Contact has no field Email that the integration user may see",
        ),
        (json!({ "hidden": ["Contact"] }), "Contact: Salesforce has no such resource"),
        (json!({ "read_only": ["Lead"] }), "the integration user may not edit Lead.Last_Voice_Call_Date__c"),
        (json!({ "approval": "missing_from_user" }), "user hasn't approved this consumer"),
        (json!({ "api_enabled": false }), "API_DISABLED_FOR_ORG"),
        (json!({ "daily_api_calls": 1 }), "REQUEST_LIMIT_EXCEEDED"),
    ] {
        org.set(settings.clone()).await;
        let (good, checks) = check(&org, &nats);
        assert!(!good && bad(&checks).iter().any(|line| line.contains(found)), "{settings}: {checks:?}");
        org.set(json!({ "hidden": [], "read_only": [], "approval": "approved", "api_enabled": true })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sinks_own_user_passes_and_the_other_sinks_is_told_what_is_missing() {
    let (org, nats) = (Org::start().await, NatsServer::start_with_users("").await);
    let setup = sink(&org, &nats).arg("setup").env("NATS_URL", nats.operator_url()).output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let check = |user: NatsUser| {
        let mut check = sink(&org, &nats);
        check.arg("check").env("NATS_NKEY_FILE", nats.seed_file(user));
        check.env("NATS_INBOX_PREFIX", format!("_INBOX_{}", user.name()));
        let output = check.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (good, printed) = check(NatsUser::SinkSalesforce);
    assert!(good, "{printed}");
    let (good, printed) = check(NatsUser::SinkS3);
    let consumer = "✗ consumer sink-salesforce: permissions violation: the user of NATS may not publish to \
                    $JS.API.CONSUMER.INFO.SESSIONS.sink-salesforce\n    → give it that right\n";
    assert!(!good && printed.contains(consumer), "{printed}");
    assert!(printed.contains("✗ acks: ") && !printed.contains("timed out"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_the_versions_that_there_are() {
    let (org, nats) = (Org::start().await, NatsServer::start().await);
    let output = sink(&org, &nats).args(["check", "--salesforce-api-version", "v99.0"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("✗ API version v99.0: the org has v"), "{printed}");
    assert!(printed.contains("→ correct SALESFORCE_API_VERSION"), "{printed}");
}

fn check(org: &Org, nats: &NatsServer) -> (bool, Vec<Value>) {
    let output = sink(org, nats).args(["check", "--json"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What was found, and what to do, of what is not good.
fn bad(checks: &[Value]) -> Vec<String> {
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let bad = checks.iter().filter(|check| check["good"] == false);
    bad.map(|check| format!("{}: {} {}", text(check, "what"), text(check, "found"), text(check, "do_next")))
        .collect()
}
