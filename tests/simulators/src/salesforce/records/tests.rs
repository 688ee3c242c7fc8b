//! Rows: what an update changes, what it is refused for, and what stands in the history.

use super::*;

const LEAD: &str = "00Q5f00000A0001";

fn records(simulator: Value) -> Records {
    let row = json!({ "Id": LEAD, "Email": "a@x.org", "Company": "X", "simulator": simulator });
    Records::from_json(&serde_json::to_vec(&json!({ "Lead": [row] })).unwrap()).unwrap()
}

fn update(records: &mut Records, changes: &[(&str, &str)]) -> Result<(), String> {
    update_under(records, changes, |_| {})
}

fn update_under(
    records: &mut Records,
    changes: &[(&str, &str)],
    change: impl FnOnce(&mut Conditions),
) -> Result<(), String> {
    let field = |name| Object::Lead.field(name).unwrap();
    let changes = changes.iter().map(|(name, value)| (field(name), json!(value))).collect();
    let mut conditions =
        Conditions { by: "me".to_owned(), now: Utc::now(), assigns: false, allows_duplicates: false };
    change(&mut conditions);
    records.update(Object::Lead, LEAD, &changes, &conditions).map_err(|error| error.status_code)
}

#[test]
fn keeps_whole_seconds_in_utc_and_refuses_an_older_call() {
    let mut records = records(json!({}));
    update(&mut records, &[("Last_Voice_Call_Date__c", "2025-10-29T14:00:00.900+02:00")]).unwrap();
    let kept = records.get(LEAD).unwrap().get("Last_Voice_Call_Date__c");
    assert_eq!(kept, "2025-10-29T12:00:00.000+0000");
    let stale = update(&mut records, &[("Last_Voice_Call_Date__c", "2025-10-29T11:59:59Z")]);
    assert_eq!(stale.unwrap_err(), "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    update(&mut records, &[("Last_Voice_Call_Date__c", "2025-10-29T12:00:00Z")]).unwrap();
}

#[test]
fn refuses_as_a_whole_what_one_field_cannot_hold() {
    let mut records = records(json!({}));
    let result = update(&mut records, &[("Company", "A"), ("Last_Voice_Session__c", &"x".repeat(256))]);
    assert_eq!(result.unwrap_err(), "STRING_TOO_LONG");
    assert_eq!(records.get(LEAD).unwrap().get("Company"), "X");
    assert_eq!(update(&mut records, &[("Company", "")]).unwrap_err(), "REQUIRED_FIELD_MISSING");
}

#[test]
fn a_row_behaves_as_the_seed_says() {
    let mut locked = records(json!({ "locked_attempts": 1 }));
    assert_eq!(update(&mut locked, &[]).unwrap_err(), "UNABLE_TO_LOCK_ROW");
    update(&mut locked, &[]).unwrap();
    let mut deleted = records(json!({ "before_update": "delete" }));
    assert_eq!(deleted.of(Object::Lead).count(), 1);
    assert_eq!(update(&mut deleted, &[]).unwrap_err(), "ENTITY_IS_DELETED");
    assert_eq!(deleted.of(Object::Lead).count(), 0);
    let mut converted = records(json!({ "before_update": { "convert_to": "0035f00000A0001" } }));
    assert_eq!(update(&mut converted, &[]).unwrap_err(), "CANNOT_UPDATE_CONVERTED_LEAD");
}

#[test]
fn a_duplicate_is_saved_where_the_rule_only_warns_and_the_caller_insists() {
    for (rule, insists, code) in [
        ("alert", false, Err("DUPLICATES_DETECTED".to_owned())),
        ("alert", true, Ok(())),
        ("block", true, Err("DUPLICATES_DETECTED".to_owned())),
    ] {
        let mut records = records(json!({ "duplicate_rule": rule }));
        let result = update_under(&mut records, &[], |conditions| conditions.allows_duplicates = insists);
        assert_eq!(result, code, "{rule}, {insists}");
    }
}

#[test]
fn the_history_says_what_changed_and_who_did_it() {
    let newer = "2030-01-01T00:00:00.000+0000";
    let mut records = records(json!({ "before_update": { "newer_call": newer } }));
    let changes = [("Last_Voice_Session__c", "room"), ("Company", "not tracked")];
    update_under(&mut records, &changes, |conditions| conditions.assigns = true).unwrap();
    let history = records.get(LEAD).unwrap().history.iter();
    let history: Vec<_> = history.map(|change| (change.field, &change.new, change.by.as_str())).collect();
    assert_eq!(
        history,
        [
            ("Last_Voice_Call_Date__c", &json!(newer), SOMEBODY_ELSE),
            ("OwnerId", &json!(long_id(ASSIGNMENT_QUEUE)), "assignment rule"),
            ("Last_Voice_Session__c", &json!("room"), "me"),
        ]
    );
}

const ACCOUNT: &str = "0015f00000A0001";
const CONTACT: &str = "0035f00000A0001";

fn person_account(simulator: Value) -> Records {
    let seed = json!({
        "Account": [{ "Id": ACCOUNT, "IsPersonAccount": true, "PersonContactId": CONTACT, "simulator": simulator }],
        "Contact": [{ "Id": CONTACT, "AccountId": ACCOUNT, "IsPersonAccount": true }],
    });
    Records::from_json(&serde_json::to_vec(&seed).unwrap()).unwrap()
}

fn update_one(records: &mut Records, id: &str, name: &str, value: &str) -> Result<(), String> {
    let object = records.get(id).unwrap().object;
    let changes = vec![(object.field(name).unwrap(), json!(value))];
    let conditions =
        Conditions { by: "me".to_owned(), now: Utc::now(), assigns: true, allows_duplicates: false };
    records.update(object, id, &changes, &conditions).map_err(|error| error.status_code)
}

fn both<'a>(records: &'a Records, account_field: &str, contact_field: &str) -> [&'a Value; 2] {
    [(ACCOUNT, account_field), (CONTACT, contact_field)]
        .map(|(id, field)| records.get(id).unwrap().get(field))
}

#[test]
fn the_halves_of_a_person_account_hold_the_same() {
    let mut records = person_account(json!({}));
    for (id, name, value) in
        [(ACCOUNT, "Last_Voice_Session__pc", "room"), (CONTACT, "Last_Voice_Session__c", "hall")]
    {
        let [before, _] = both(&records, "LastModifiedDate", "LastModifiedDate").map(Value::clone);
        update_one(&mut records, id, name, value).unwrap();
        assert_eq!(both(&records, "Last_Voice_Session__pc", "Last_Voice_Session__c"), [value; 2]);
        let [account, contact] = both(&records, "LastModifiedDate", "LastModifiedDate");
        assert!(account == contact && (id == CONTACT || *account != before), "{account}, {contact}");
        assert_eq!(records.get(id).unwrap().history.len(), 1, "only what is written has a history");
    }
}

#[test]
fn somebody_else_s_call_is_in_both_halves_and_both_are_taken_back() {
    let newer = "2030-01-01T00:00:00.000+0000";
    let mut records = person_account(json!({ "before_update": { "newer_call": newer } }));
    let before = records.with_twin(ACCOUNT);
    assert_eq!(
        before.iter().map(|record| record.object).collect::<Vec<_>>(),
        [Object::Account, Object::Contact]
    );
    let stale = update_one(&mut records, ACCOUNT, "Last_Voice_Call_Date__pc", "2029-01-01T00:00:00Z");
    assert_eq!(stale.unwrap_err(), "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    assert_eq!(both(&records, "Last_Voice_Call_Date__pc", "Last_Voice_Call_Date__c"), [newer; 2]);
    update_one(&mut records, ACCOUNT, "Last_Voice_Session__pc", "room").unwrap();
    records.take_back(before);
    for (pc, c) in [
        ("Last_Voice_Session__pc", "Last_Voice_Session__c"),
        ("Last_Voice_Call_Date__pc", "Last_Voice_Call_Date__c"),
    ] {
        assert_eq!(both(&records, pc, c), [&Value::Null; 2]);
    }
    assert_eq!(both(&records, "LastModifiedDate", "LastModifiedDate"), ["2025-01-01T00:00:00.000+0000"; 2]);
    assert_eq!(records.get(ACCOUNT).unwrap().history, []);
}
