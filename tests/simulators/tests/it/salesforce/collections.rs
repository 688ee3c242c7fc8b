//! Updates of many rows.

use reqwest::Method;
use serde_json::{Value, json};
use simulators::salesforce::Config;

use crate::salesforce::org::{LEAD, Org, answer, outcomes, row};

#[tokio::test]
async fn each_row_has_its_own_result_in_the_order_of_the_request() {
    let org = Org::start().await;
    let text = |text: &str| json!({ "Last_Voice_Session__c": text });
    let mut nameless = row("x", text("room"));
    nameless.as_object_mut().unwrap().remove("id");
    let rows = [
        row(LEAD, text("room")),
        row("00Q5f00000A0002", json!({ "Shoe__c": "x" })),
        row("00Q5f00000A0010", json!({ "LastModifiedDate": "2025-01-01T00:00:00Z" })),
        row("00Q5f00000A0003", text("converted")),
        row("00Q5f00000A0009", text("deleted")),
        row("00Q5f00000A0007", text("locked")),
        row("00Q5f00000A0011", text(&"x".repeat(256))),
        row("00Q5f00000A0008", json!({ "Last_Voice_Call_Date__c": "2026-01-01T00:00:00Z" })),
        row("00Q5f00000A0012", json!({ "Last_Voice_Call_Date__c": "9026-01-01T00:00:00Z" })),
        row(&LEAD[..15], text("twice")),
        row("00Q5f00000A9999", text("unknown")),
        row("nonsense", text("no id")),
        nameless,
        row("0035f00000A0001", text("contact")),
    ];
    let wanted = [
        "ok",
        "INVALID_FIELD",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "ENTITY_IS_DELETED",
        "UNABLE_TO_LOCK_ROW",
        "STRING_TOO_LONG",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "DUPLICATE_VALUE",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
        "ok",
    ];
    assert_eq!(org.update(&rows).await, wanted);
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), "room");
    assert_eq!(org.field("0035f00000A0001", "Last_Voice_Session__c"), "contact");
    assert_eq!(org.updated(), 2);
    // The seed says that it is locked twice.
    let again = |_| org.update(&rows[5..6]);
    assert_eq!([again(0).await, again(1).await], [vec!["UNABLE_TO_LOCK_ROW"], vec!["ok"]]);
}

#[tokio::test]
async fn a_stale_write_names_the_rule() {
    let org = Org::start().await;
    let stale = row("00Q5f00000A0008", json!({ "Last_Voice_Call_Date__c": "2026-01-01T00:00:00Z" }));
    let result = org.patch("composite/sobjects", json!({ "records": [stale] })).await.body;
    let error = &result[0]["errors"][0];
    assert!(error["message"].as_str().unwrap().contains("VOICE_STALE_WRITE"), "{error}");
    assert_eq!(result[0].get("id"), None);
}

#[tokio::test]
async fn a_call_has_200_rows_and_ten_changes_of_object_at_most() {
    let org = Org::start().await;
    let lead = row(LEAD, json!({}));
    let contact = row("0035f00000A0001", json!({}));
    let refused = async |rows: &[Value]| {
        let answer = org.patch("composite/sobjects", json!({ "records": rows })).await;
        (answer.status, answer.error().1.to_owned())
    };
    assert_eq!(refused(&vec![lead.clone(); 201]).await, (400, "EXCEEDED_ID_LIMIT".to_owned()));
    let alternating: Vec<_> = (0..11).map(|index| [&lead, &contact][index % 2].clone()).collect();
    assert_eq!(refused(&alternating).await, (400, "LIMIT_EXCEEDED".to_owned()));
    assert_eq!(refused(&alternating[..10]).await.0, 200);
    assert_eq!(refused(&[json!({ "id": LEAD })]).await, (400, "INVALID_INPUT".to_owned()));
    let shoe = json!({ "attributes": { "type": "Shoe" }, "id": LEAD });
    assert_eq!(refused(&[shoe]).await, (400, "INVALID_TYPE".to_owned()));
}

#[tokio::test]
async fn a_value_that_the_parser_cannot_read_fails_the_whole_call() {
    let org = Org::start().await;
    for value in [json!("2025-10-29 12:00:00"), json!(1_761_739_384), json!({})] {
        let rows =
            [row("00Q5f00000A0002", json!({})), row(LEAD, json!({ "Last_Voice_Call_Date__c": value }))];
        let answer = org.patch("composite/sobjects", json!({ "records": rows })).await;
        assert_eq!(answer.error(), (400, "JSON_PARSER_ERROR"), "{value}");
        assert!(answer.message().starts_with("Cannot deserialize instance of datetime from "), "{value}");
    }
    let broken = org.data(Method::PATCH, "composite/sobjects").body("{\"records\": [");
    assert_eq!(answer(broken).await.error(), (400, "JSON_PARSER_ERROR"));
    assert_eq!(org.updated(), 0);
}

#[tokio::test]
async fn all_or_none_takes_back_what_was_fine() {
    let org = Org::start().await;
    let fine = row(LEAD, json!({ "Last_Voice_Session__c": "room" }));
    let locked = row("00Q5f00000A0007", json!({ "Last_Voice_Session__c": "room" }));
    let body = json!({ "allOrNone": true, "records": [fine, locked] });
    for _ in 0..2 {
        let results = outcomes(org.patch("composite/sobjects", body.clone()).await);
        assert_eq!(results, ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "UNABLE_TO_LOCK_ROW"]);
        assert_eq!((org.field(LEAD, "Last_Voice_Session__c"), org.updated()), (Value::Null, 0));
        assert_eq!(org.salesforce.org().records.get(LEAD).unwrap().history, []);
    }
    assert_eq!(outcomes(org.patch("composite/sobjects", body).await), ["ok", "ok"]);
    let person = |company: Option<&str>| json!({ "attributes": { "type": "Lead" }, "LastName": "New", "Company": company });
    let created = json!({ "allOrNone": true, "records": [person(Some("X")), person(None)] });
    let results = outcomes(answer(org.data(Method::POST, "composite/sobjects").json(&created)).await);
    assert_eq!(results, ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]);
    assert_eq!(org.salesforce.org().counters.created, 0);
}

#[tokio::test]
async fn all_or_none_takes_back_both_halves_of_a_person_account() {
    const ACCOUNT: &str = "0015f00000A0001";
    const CONTACT: &str = "0035f00000A0001";
    let seed = json!({
        "Account": [{ "Id": ACCOUNT, "IsPersonAccount": true, "PersonContactId": CONTACT }],
        "Contact": [{ "Id": CONTACT, "IsPersonAccount": true, "AccountId": ACCOUNT }],
        "Lead": [{ "Id": LEAD, "simulator": { "locked_attempts": 1 } }],
    });
    let person_accounts = |config: &mut Config| config.settings.person_accounts = true;
    let org = Org::with(seed.to_string().as_bytes(), person_accounts).await;
    let person = row(ACCOUNT, json!({ "Last_Voice_Session__pc": "room" }));
    let lead = row(LEAD, json!({ "Last_Voice_Session__c": "room" }));
    let body = json!({ "allOrNone": true, "records": [person, lead] });
    let half = |id, field: &str| [org.field(id, field), org.field(id, "LastModifiedDate")];
    let halves = || [half(ACCOUNT, "Last_Voice_Session__pc"), half(CONTACT, "Last_Voice_Session__c")];
    let before = halves();
    let results = outcomes(org.patch("composite/sobjects", body.clone()).await);
    assert_eq!(results, ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "UNABLE_TO_LOCK_ROW"]);
    assert_eq!(halves(), before);
    assert_eq!(outcomes(org.patch("composite/sobjects", body).await), ["ok", "ok"]);
    let [account, contact] = halves();
    assert!(
        account == contact && account[0] == "room" && account[1] != before[0][1],
        "{account:?}, {contact:?}"
    );
}

#[tokio::test]
async fn a_duplicate_rule_only_lets_those_pass_who_say_so() {
    let org = Org::with_lead(json!({ "duplicate_rule": "alert" })).await;
    let rows = json!({ "records": [row(LEAD, json!({ "Last_Voice_Session__c": "room" }))] });
    let update = async |header: &str| {
        let request =
            org.data(Method::PATCH, "composite/sobjects").header("Sforce-Duplicate-Rule-Header", header);
        outcomes(answer(request.json(&rows)).await)
    };
    assert_eq!(update("allowSave=false").await, ["DUPLICATES_DETECTED"]);
    assert_eq!(update("allowSave=true").await, ["ok"]);
}

#[tokio::test]
async fn an_update_gives_a_lead_to_somebody_else_unless_it_says_no() {
    let org = Org::start().await;
    let rows = json!({ "records": [row(LEAD, json!({ "Last_Voice_Session__c": "room" }))] });
    let owner = org.field(LEAD, "OwnerId");
    let quiet =
        org.data(Method::PATCH, "composite/sobjects").header("Sforce-Auto-Assign", "FALSE").json(&rows);
    assert_eq!(outcomes(answer(quiet).await), ["ok"]);
    assert_eq!(org.field(LEAD, "OwnerId"), owner);
    assert_eq!(outcomes(org.patch("composite/sobjects", rows).await), ["ok"]);
    assert_ne!(org.field(LEAD, "OwnerId"), owner);
}

#[tokio::test]
async fn a_field_or_an_object_that_the_user_may_not_change_is_refused_row_by_row() {
    let org = Org::start().await;
    let session = row(LEAD, json!({ "Last_Voice_Session__c": "room" }));
    let tier = row("00Q5f00000A0002", json!({ "Voice_Qualification_Tier__c": "hot" }));
    let contact = row("0035f00000A0001", json!({ "Voice_Qualification_Tier__c": "hot" }));
    org.set(json!({ "hidden": ["Lead.Last_Voice_Session__c"], "read_only": ["Lead.Voice_Qualification_Tier__c", "Contact"] })).await;
    let results = org.patch("composite/sobjects", json!({ "records": [session, tier, contact] })).await;
    assert_eq!(results.body[0]["errors"][0]["fields"], json!(["Last_Voice_Session__c"]));
    let codes = [
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    ];
    assert_eq!(outcomes(results), codes);
    assert_eq!(org.updated(), 0);
}
