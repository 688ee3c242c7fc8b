//! Rows by a field that names them, and why a client that must not create had better not use them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::salesforce::org::{EMAIL, LEAD, Org, answer};

fn counts(org: &Org) -> (u64, u64) {
    let org = org.salesforce.org();
    (org.counters.updated, org.counters.created)
}

#[tokio::test]
async fn one_row_is_updated() {
    let org = Org::start().await;
    let path = format!("sobjects/Lead/Email/{}", EMAIL.to_uppercase());
    let updated = org.patch(&path, json!({ "Last_Voice_Session__c": "room" })).await;
    assert_eq!(updated.status, 200);
    assert_eq!(updated.body, json!({ "id": LEAD, "success": true, "errors": [], "created": false }));
    let url = format!("{}/services/data/v45.0/{path}", org.url);
    let authorization = org.data(Method::GET, "").build().unwrap().headers()["authorization"].clone();
    let old = org.http.patch(url).header("Authorization", authorization).json(&json!({ "Company": "Y" }));
    assert_eq!(answer(old).await.status, 204);
    assert_eq!(org.get(&path).await.body["Last_Voice_Session__c"], "room");
    let by_session = org.get("sobjects/Lead/Last_Voice_Session__c/room").await;
    assert_eq!(by_session.body["Id"], LEAD);
    assert_eq!(counts(&org), (2, 0));
}

#[tokio::test]
async fn of_several_rows_none_is_written_and_all_are_listed() {
    let org = Org::start().await;
    let path = "sobjects/Lead/Email/dora@double.example";
    for answer in [org.get(path).await, org.patch(path, json!({ "Company": "Y" })).await] {
        assert_eq!(answer.status, 300);
        let urls: Vec<_> = answer.body.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(urls.len(), 3);
        assert!(urls.contains(&"/services/data/v68.0/sobjects/Lead/00Q5f00000A0005EAB"), "{urls:?}");
    }
    assert_eq!(counts(&org), (0, 0));
}

#[tokio::test]
async fn no_row_is_created_unless_only_an_update_is_wanted() {
    let org = Org::start().await;
    let path = "sobjects/Lead/Email/new@x.org";
    assert_eq!(org.get(path).await.error(), (404, "NOT_FOUND"));
    let person = json!({ "LastName": "New", "Company": "X" });
    let only = org.patch(&format!("{path}?updateOnly=true"), person.clone()).await;
    assert_eq!((only.error(), counts(&org)), ((404, "NOT_FOUND"), (0, 0)));
    let incomplete = org.patch(path, json!({ "LastName": "New" })).await;
    assert_eq!((incomplete.error(), counts(&org)), ((400, "REQUIRED_FIELD_MISSING"), (0, 0)));
    let created = org.patch(path, person).await;
    assert_eq!((created.status, counts(&org)), (201, (0, 1)));
    let id = created.body["id"].as_str().unwrap();
    assert_eq!((created.body["created"] == true, org.field(id, "Email")), (true, json!("new@x.org")));
}

#[tokio::test]
async fn some_values_and_fields_name_no_row() {
    let org = Org::start().await;
    // It is there, but the server takes its end for a file's.
    let by_query = org.query(r"SELECT Id FROM Lead WHERE Email = 'o\'brien+x@y.inc'").await;
    assert_eq!(by_query.body["totalSize"], 1);
    for path in ["sobjects/Lead/Email/o'brien+x@y.inc", "sobjects/Lead/Email/o'brien+x@y.INC"] {
        assert_eq!(org.get(path).await.error(), (404, "NOT_FOUND"), "{path}");
        assert_eq!(org.patch(path, json!({})).await.error(), (404, "NOT_FOUND"), "{path}");
    }
    let company = org.get("sobjects/Lead/Company/Navy").await;
    assert_eq!(company.error(), (404, "NOT_FOUND"));
    assert!(company.message().contains("Provided external ID field"), "{}", company.message());
    let twice = org.patch(&format!("sobjects/Lead/Email/{EMAIL}"), json!({ "Email": "b@x.org" })).await;
    assert_eq!(twice.error(), (400, "INVALID_FIELD"));
    assert_eq!(counts(&org), (0, 0));
}
