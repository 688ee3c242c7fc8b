//! The example's fields against what orgs describe, payloads have and rows hold.

use serde_json::json;

use super::*;
use crate::example::{TEAM_SIZE, TIER, descriptions, field_map};

fn resolve(described: &[FieldDescription]) -> Result<ObjectFields, Vec<String>> {
    ObjectFields::resolve(&field_map(), "Lead", described)
}

fn parse(text: &str) -> Json<'_> {
    Json::parse(text.as_bytes()).unwrap()
}

fn row(value: Value) -> Row {
    value.as_object().unwrap().clone()
}

/// The values of a record after a payload that has some.
fn want(mut values: Vec<FieldValue>, payload: &[(&str, &str)]) -> Vec<FieldValue> {
    let payload: PayloadValues = payload.iter().map(|(from, value)| (*from, parse(value))).collect();
    values.iter_mut().for_each(|value| value.want(&payload));
    values
}

fn written(fields: &ObjectFields, values: &[FieldValue]) -> Row {
    let mut row = fields.row(&LastSession::default(), values);
    row.retain(|name, _| name != "Ended__c" && name != "Session__c");
    row
}

#[test]
fn what_is_written_is_known_afterwards() {
    let fields = resolve(&descriptions()).unwrap();
    assert_eq!(fields.select(), "Ended__c, Session__c, Tier__c, Team_Size__c");
    let end_time = "2025-10-29T14:03:04.900+02:00".parse().unwrap();
    let wanted = fields.wanted_session(" room ", end_time);
    let nothing = fields.known_values(&Row::new());
    let values = want(nothing, &[(TIER, r#""hot""#), (TEAM_SIZE, "12")]);
    insta::assert_snapshot!(
        Value::Object(fields.row(&wanted, &values)).to_string(),
        @r#"{"Ended__c":"2025-10-29T12:03:04.000Z","Session__c":"room","Team_Size__c":12.0,"Tier__c":"hot"}"#
    );
    let changes = fields.changes(&LastSession::default(), &wanted, &values);
    assert_eq!(changes.len(), 4);
    assert_eq!(changes[2], Change { field: "Tier__c".to_owned(), now: Value::Null, then: json!("hot") });

    let given = row(json!({
        "Ended__c": "2025-10-29T12:03:04.000+0000",
        "Session__c": "room",
        "Tier__c": "hot",
        "Team_Size__c": 12,
    }));
    assert_eq!(fields.known_session(&given), wanted);
    let same = want(fields.known_values(&given), &[(TIER, r#""hot""#), (TEAM_SIZE, "12")]);
    assert_eq!(fields.changes(&wanted, &wanted, &same), []);
    let after: Vec<_> = values.into_iter().map(FieldValue::after).collect();
    let same = want(after, &[(TIER, r#""hot""#), (TEAM_SIZE, "12")]);
    assert_eq!(fields.changes(&wanted, &wanted, &same), []);
}

#[test]
fn an_absent_value_is_left_out_or_empties_its_field() {
    let fields = resolve(&descriptions()).unwrap();
    for absent in [&[][..], &[(TIER, "\" \""), (TEAM_SIZE, "\" \"")]] {
        let values = want(fields.known_values(&row(json!({ "Tier__c": "hot", "Team_Size__c": 12 }))), absent);
        assert_eq!(written(&fields, &values), row(json!({ "Team_Size__c": null })));
        let after: Vec<_> = values.into_iter().map(FieldValue::after).collect();
        assert_eq!(after, fields.known_values(&row(json!({ "Tier__c": "hot" }))));
    }
}

#[test]
fn a_value_that_does_not_fit_never_empties_its_field() {
    let fields = resolve(&descriptions()).unwrap();
    for unfit in ["1e400", "\"hot\"", "[]"] {
        let values = want(fields.known_values(&Row::new()), &[(TEAM_SIZE, unfit)]);
        assert_eq!(written(&fields, &values), Row::new(), "{unfit}");
        assert_eq!(values.iter().filter_map(FieldValue::unfit).collect::<Vec<_>>(), ["Team_Size__c"]);
    }
    for fits in [&[(TEAM_SIZE, "7")][..], &[]] {
        let values = want(fields.known_values(&Row::new()), fits);
        assert_eq!(values.iter().filter_map(FieldValue::unfit).count(), 0);
    }
}

#[test]
fn an_account_has_the_values_of_its_person() {
    let contact = resolve(&descriptions()).unwrap();
    let mut described = descriptions();
    for field in &mut described {
        // Salesforce does not tell cases apart, and describes fields in an order of its own.
        field.name = person_field(&field.name).to_ascii_uppercase();
    }
    described.reverse();
    let account = ObjectFields::resolve(&field_map().of_persons(), "Account", &described).unwrap();
    let known = contact.known_values(&row(json!({ "Tier__c": "hot", "Team_Size__c": 12 })));
    let values = want(account.of_person(&known), &[(TIER, r#""cold""#), (TEAM_SIZE, "12")]);
    let changes = account.changes(&LastSession::default(), &LastSession::default(), &values);
    assert_eq!(changes, [Change { field: "TIER__PC".to_owned(), now: json!("hot"), then: json!("cold") }]);
}

#[test]
fn a_row_without_what_was_asked_for_says_nothing_of_its_record() {
    let fields = resolve(&descriptions()).unwrap();
    let whole = json!({
        "Ended__c": "2025-10-29T12:03:04.000+0000",
        "Session__c": null,
        "Tier__c": null,
        "Team_Size__c": null,
    });
    assert!(fields.is_complete(&row(whole.clone())));
    for (field, odd) in [
        ("Ended__c", Some(json!("yesterday"))),
        ("Ended__c", Some(json!(1_761_739_384))),
        ("Session__c", Some(json!(["room"]))),
        ("Ended__c", None),
        ("Session__c", None),
        ("Tier__c", None),
    ] {
        let mut row = row(whole.clone());
        match odd {
            Some(odd) => drop(row.insert(field.to_owned(), odd)),
            None => drop(row.remove(field)),
        }
        assert!(!fields.is_complete(&row), "{row:?}");
    }
}

#[test]
fn all_that_is_wrong_with_the_org_is_said_at_once() {
    let mut described = descriptions();
    described[0].kind = "string".to_owned();
    described[1].updateable = false;
    described[3].nillable = false;
    described.remove(2);
    let faults = resolve(&described).unwrap_err();
    insta::assert_snapshot!(faults.join("\n"), @r#"
    the integration user may not edit Lead.Session__c
    Lead has no field Tier__c that the integration user may see
    Lead.Team_Size__c may not be empty, so the field map has to say absent = "omit"
    Lead.Ended__c must be a Date/Time and is a Text(0)
    "#);
}
