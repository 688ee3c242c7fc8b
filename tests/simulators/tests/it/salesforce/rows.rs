//! One row by its id.

use reqwest::Method;
use reqwest::header::IF_UNMODIFIED_SINCE;
use serde_json::{Value, json};

use crate::salesforce::org::{LEAD, Org, answer};

#[tokio::test]
async fn a_row_is_shown_as_the_query_shows_it() {
    let org = Org::start().await;
    let row = org.get(&format!("sobjects/Lead/{}?fields=Email,Company", &LEAD[..15])).await;
    let url = format!("/services/data/v68.0/sobjects/Lead/{LEAD}");
    let attributes = json!({ "type": "Lead", "url": url });
    assert_eq!(
        row.body,
        json!({ "attributes": attributes, "Email": "test@company.com", "Company": "Company Inc" })
    );
    assert_eq!(row.headers["last-modified"], "Wed, 01 Jan 2025 00:00:00 GMT");
    let unknown = org.get(&format!("sobjects/Lead/{LEAD}?fields=Shoe__c")).await;
    assert_eq!(unknown.error(), (400, "INVALID_FIELD"));
    assert_eq!(org.get("sobjects/Lead/00Q5f00000A0009").await.error(), (404, "ENTITY_IS_DELETED"));
    for path in [
        "sobjects/Lead/00Q5f00000A9999",
        "sobjects/Lead/nonsense",
        "sobjects/Contact/00Q5f00000A0001",
        "sobjects/Shoe/1",
    ] {
        assert_eq!(org.get(path).await.error(), (404, "NOT_FOUND"), "{path}");
    }
}

#[tokio::test]
async fn rows_outlive_their_process_where_there_is_a_file_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let seed = json!({ "Lead": [{ "Id": LEAD, "Email": "a@x.org", "Company": "X" }] }).to_string();
    let start = || Org::with(seed.as_bytes(), |config| config.state_file = Some(file.clone()));
    let org = start().await;
    let row = json!({ "attributes": { "type": "Lead" }, "Id": LEAD, "Last_Voice_Session__c": "room", "Company": "Y" });
    assert_eq!(org.update(&[row]).await, ["ok"]);
    let before = org.salesforce.org().records.get(LEAD).unwrap().fields.clone();
    drop(org);
    let org = start().await;
    assert_eq!(org.salesforce.org().records.get(LEAD).unwrap().fields, before);
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), "room");
}

#[tokio::test]
async fn an_update_writes_the_row_or_says_why_not() {
    let org = Org::start().await;
    let path = format!("sobjects/Lead/{LEAD}");
    let written = org.patch(&path, json!({ "Last_Voice_Session__c": "room" })).await;
    assert_eq!((written.status, written.body), (204, json!("")));
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), "room");
    let long = org.patch(&path, json!({ "Last_Voice_Session__c": "x".repeat(256) })).await;
    assert_eq!(
        (long.error(), &long.body[0]["fields"]),
        ((400, "STRING_TOO_LONG"), &json!(["Last_Voice_Session__c"]))
    );
    let unreadable = org.patch(&path, json!({ "Last_Voice_Call_Date__c": "yesterday" })).await;
    assert_eq!(unreadable.error(), (400, "JSON_PARSER_ERROR"));
    assert_eq!(org.patch("sobjects/Lead/00Q5f00000A9999", json!({})).await.error(), (404, "NOT_FOUND"));
    let deleted = answer(org.data(Method::DELETE, &path)).await;
    assert_eq!(deleted.error(), (405, "METHOD_NOT_ALLOWED"));
    assert_eq!(org.updated(), 1);
}

#[tokio::test]
async fn a_row_that_changed_since_is_not_overwritten() {
    let org = Org::start().await;
    let update = async |since: &str| {
        let request =
            org.data(Method::PATCH, &format!("sobjects/Lead/{LEAD}")).header(IF_UNMODIFIED_SINCE, since);
        answer(request.json(&json!({ "Last_Voice_Session__c": since }))).await.status
    };
    let first = "Wed, 01 Jan 2025 00:00:00 GMT";
    assert_eq!(update("Tue, 31 Dec 2024 23:59:59 GMT").await, 412);
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), Value::Null);
    assert_eq!(update(first).await, 204);
    // The update itself was a change.
    assert_eq!(update(first).await, 412);
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), first);
}
