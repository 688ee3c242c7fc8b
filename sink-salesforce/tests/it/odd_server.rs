//! What stands between the sink and its org may answer in the org's place, and the org may move. Nothing counts as written
//! that is not proven.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sink::Writer as _;
use sink_salesforce::choose::Several;
use sink_salesforce::config::Grant;
use sink_salesforce::writer::SalesforceWriter;

use crate::between::{Between, Change};
use crate::keys;
use crate::org::{LEAD, Org, SEED, session, write};

const EMAIL: &str = "test@company.com";

/// What becomes of an answer that is JSON.
type Edit = fn(&mut Value);

/// Changes the answers to look-ups, or to updates, as far as they are JSON.
fn answers(
    of: Method,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> impl Fn(&Method, &str, StatusCode, Value) -> (StatusCode, String) {
    move |method, path, status, mut answer| {
        if *method == of && !path.contains("describe") {
            change(&mut answer);
        }
        (status, answer.to_string())
    }
}

#[tokio::test]
async fn what_is_not_proven_is_not_written() {
    let html = "<html><body>Please log in to the hotel's network</body></html>";
    let org = Org::start().await;
    let between = Between::start(&org).await;
    let writer = between.writer(&org);
    assert_eq!(write(&writer, &[session("first", EMAIL, 1)]).await, ["updated"]);
    let mut second = 2;
    let mut odd = async |what: &str, is_lookup: bool, change: Change| {
        between.change_with(change);
        let batch = [session("room", EMAIL, second), session("nobody", "nobody@nowhere.example", second)];
        let outcomes = write(&writer, &batch).await;
        assert!(outcomes[0].starts_with("unavailable: "), "{what}: {outcomes:?}");
        assert!(!is_lookup || outcomes[1].starts_with("unavailable: "), "{what}: {outcomes:?}");
        between.passes();
        let outcomes = write(&writer, &batch).await;
        assert!(["updated", "unchanged"].contains(&outcomes[0].as_str()), "{what}: {outcomes:?}");
        assert_eq!(outcomes[1], "no_match", "{what}");
        second += 1;
    };
    let portal = move |method: Method| -> Change {
        Arc::new(move |asked, _, status, answer| match *asked == method {
            true => (StatusCode::OK, html.to_owned()),
            false => (status, answer.to_string()),
        })
    };
    odd("portal", true, portal(Method::GET)).await;
    odd("portal", false, portal(Method::PATCH)).await;
    for (what, lookup) in [
        ("no rows and nothing else", json!({ "records": [] })),
        ("no rows of one", json!({ "totalSize": 1, "done": true, "records": [] })),
        ("not done", json!({ "totalSize": 0, "done": false, "records": [] })),
        ("more to come, and no place", json!({ "totalSize": 9, "done": false, "records": [] })),
        ("done as a text", json!({ "totalSize": 0, "done": "true", "records": [] })),
        ("null", json!(null)),
        ("a list", json!([])),
        ("a row of another shape", json!({ "totalSize": 1, "done": true, "records": [{ "Id": LEAD }] })),
    ] {
        odd(what, true, Arc::new(answers(Method::GET, move |answer| *answer = lookup.clone()))).await;
    }
    let rows: [(&str, Edit); 3] = [
        ("a row without what was asked for", |answer| {
            drop(answer["records"][0].as_object_mut().unwrap().remove("Last_Voice_Call_Date__c"));
        }),
        ("a time that is none", |answer| {
            answer["records"][0]["Last_Voice_Call_Date__c"] = json!("yesterday")
        }),
        ("one row fewer than there are", |answer| answer["records"].as_array_mut().unwrap().clear()),
    ];
    for (what, change) in rows {
        odd(what, true, Arc::new(answers(Method::GET, change))).await;
    }
    for (what, results) in [
        ("another row", json!([{ "id": "00Q5f00000ZZZZZ", "success": true, "errors": [] }])),
        ("no row", json!([{ "success": true, "errors": [] }])),
        (
            "two for one",
            json!([{ "id": LEAD, "success": true, "errors": [] }, { "id": LEAD, "success": true, "errors": [] }]),
        ),
        ("none", json!([])),
        ("an object", json!({ "success": true })),
    ] {
        odd(what, false, Arc::new(answers(Method::PATCH, move |answer| *answer = results.clone()))).await;
    }
}

#[tokio::test]
async fn a_record_that_is_given_twice_is_one() {
    let org = Org::start().await;
    let between = Between::start(&org).await;
    between.changes(answers(Method::GET, |answer| {
        if let Some(records) = answer["records"].as_array_mut() {
            records.extend(records.clone());
            answer["totalSize"] = json!(answer["records"].as_array().unwrap().len());
        }
    }));
    let writer = between.writer_with(&org, |args| args.salesforce_several = Several::Reject);
    assert_eq!(write(&writer, &[session("room", EMAIL, 7)]).await, ["updated"]);
}

/// The org has moved: its old place sends on, or has a page. A new token says where it is.
#[tokio::test]
async fn an_org_that_moved_is_found_by_a_new_token() {
    for (status, page) in
        [(301, ""), (302, "<html>"), (307, ""), (308, ""), (404, "<html>moved"), (200, "<html>")]
    {
        let org = Org::start().await;
        let (login, old) = (Between::start(&org).await, Between::start(&org).await);
        login.names(&old.url);
        let writer = login.writer(&org);
        assert_eq!(write(&writer, &[session("first", EMAIL, 1)]).await, ["updated"]);
        old.changes(move |_, _, _, _| (StatusCode::from_u16(status).unwrap(), page.to_owned()));
        let batch = [session("room", EMAIL, 7)];
        // It is still there, as far as tokens say.
        let outcome = write(&writer, &batch).await.remove(0);
        assert!(outcome.starts_with("unavailable: "), "{status}: {outcome}");
        login.names(&org.url);
        assert_eq!(write(&writer, &batch).await, ["updated"], "{status}");
    }
}

#[tokio::test]
async fn an_org_whose_old_place_is_gone_is_found_by_a_new_token() {
    let org = Org::start().await;
    let (login, old) = (Between::start(&org).await, Between::start(&org).await);
    login.names(&old.url);
    let writer = login.writer(&org);
    assert_eq!(write(&writer, &[session("first", EMAIL, 1)]).await, ["updated"]);
    drop(old);
    let until = Instant::now() + Duration::from_secs(30);
    let mut second = 2;
    while write(&writer, &[session("room", EMAIL, second)]).await == ["updated"] {
        assert!(Instant::now() < until, "its old place still answers");
        second += 1;
    }
    login.names(&org.url);
    assert_eq!(write(&writer, &[session("later", EMAIL, 59)]).await, ["updated"]);
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let org = Org::start().await;
    let between = Between::start(&org).await;
    between.changes(|_, _, _, _| (StatusCode::MOVED_PERMANENTLY, String::new()));
    let error = between.writer(&org).probe().await.unwrap_err();
    assert_eq!(error, "Salesforce sends the call elsewhere (301); check SALESFORCE_URL");
}

#[tokio::test]
async fn nothing_goes_over_plain_text_to_another_machine() {
    let org = Org::start().await;
    let between = Between::start(&org).await;
    // A token that sends the records there.
    between.names("http://salesforce.example");
    let error = between.writer(&org).probe().await.unwrap_err();
    assert_eq!(error, "the token answer names an instance without TLS");

    for grant in [Grant::JwtBearer, Grant::ClientCredentials] {
        let mut args = org.args();
        args.salesforce_grant = grant;
        args.salesforce_client_secret_file = args.salesforce_private_key_file.clone();
        for url in ["http://login.salesforce.com", "http://10.1.2.3:8080", "http://127.0.0.1.nip.io"] {
            args.salesforce_url = url.parse().unwrap();
            let error = SalesforceWriter::new(&args).err().unwrap().to_string();
            assert!(error.contains("plain text") && error.contains("SALESFORCE_ALLOW_PLAIN_TEXT"), "{error}");
        }
        args.salesforce_url = "http://login.salesforce.com".parse().unwrap();
        args.salesforce_allow_plain_text = true;
        assert!(SalesforceWriter::new(&args).is_ok());
    }
}

#[tokio::test]
async fn keys_that_are_renewed_are_read_again() {
    let org = Org::with(SEED, |config| config.client_secret = Some("renewed".into())).await;
    // The key file holds another key when the program starts, and a torn one for a moment.
    let mut args = org.args();
    let key = org.key_file(&keys::generate());
    let writer = SalesforceWriter::new(&args).unwrap();
    let refused = writer.probe().await.unwrap_err();
    assert!(
        refused.contains("invalid_grant (invalid assertion); check SALESFORCE_PRIVATE_KEY_FILE"),
        "{refused}"
    );
    std::fs::write(&key, "-----BEGIN").unwrap();
    let torn = write(&writer, &[session("room", EMAIL, 6)]).await.remove(0);
    assert!(torn.starts_with("unavailable: read RSA private key "), "{torn}");
    org.key_file(keys::trusted());
    assert_eq!(write(&writer, &[session("room", EMAIL, 7)]).await, ["updated"]);

    let secret = key.with_file_name("secret");
    let client_id = key.with_file_name("client-id");
    std::fs::write(&secret, "old").unwrap();
    std::fs::write(&client_id, "old-app").unwrap();
    args.salesforce_grant = Grant::ClientCredentials;
    args.salesforce_client_secret_file = Some(secret.clone());
    args.salesforce_client_id_file = Some(client_id.clone());
    let writer = SalesforceWriter::new(&args).unwrap();
    let refused = writer.probe().await.unwrap_err();
    assert!(refused.starts_with("Salesforce gives no access token: "), "{refused}");
    std::fs::write(&client_id, format!("{}\n", args.salesforce_client_id)).unwrap();
    assert!(writer.probe().await.unwrap_err().contains("SALESFORCE_CLIENT_SECRET_FILE"));
    std::fs::write(&secret, "renewed\n").unwrap();
    assert_eq!(write(&writer, &[session("room", EMAIL, 8)]).await, ["updated"]);
}
