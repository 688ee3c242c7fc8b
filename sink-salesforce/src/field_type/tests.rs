//! Values of payloads as fields take them, and as Salesforce gives them back.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn fit(kind: FieldType, value: &str) -> Fit {
    kind.fit(Json::parse(value.as_bytes()).unwrap())
}

#[test]
fn values_are_written_as_the_field_takes_them() {
    let long = "x".repeat(300);
    for (kind, value, written) in [
        (FieldType::Text(255), json!(" hot "), json!("hot")),
        (FieldType::Text(255), json!(long), json!(&long[..255])),
        (FieldType::Text(3), json!("a🦀b"), json!("a🦀")),
        (FieldType::Text(80), json!(7), json!("7")),
        (FieldType::Text(80), json!(["hubspot", "pipedrive"]), json!(r#"["hubspot","pipedrive"]"#)),
        (FieldType::Text(80), json!("two\nlines"), json!("two\u{fffd}lines")),
        (FieldType::Lines(80), json!("two\nlines\u{0}"), json!("two\nlines\u{fffd}")),
        (FieldType::Values(80), json!(["hubspot", "pipedrive"]), json!("hubspot;pipedrive")),
        (FieldType::Values(80), json!("hubspot"), json!("hubspot")),
        (FieldType::Number, json!(" 12.5 "), json!(12.5)),
        (FieldType::Integer, json!(12.0), json!(12)),
        (FieldType::Integer, json!("40"), json!(40)),
        (FieldType::Boolean, json!("True"), json!(true)),
        (FieldType::DateTime, json!("2025-10-29T14:03:04.900+02:00"), json!("2025-10-29T12:03:04.000Z")),
        (FieldType::Date, json!("2025-10-29T23:30:00-02:00"), json!("2025-10-30")),
        (FieldType::Date, json!("2025-10-29"), json!("2025-10-29")),
    ] {
        assert_eq!(fit(kind, &value.to_string()), Fit::Value(written), "{kind:?} {value}");
    }
}

#[test]
fn whatever_json_has_is_written_where_a_text_is_wanted() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (kind, value, written) in [
        (FieldType::Text(80), "1e400", "1e400"),
        (FieldType::Text(80), "-0", "-0"),
        (FieldType::Text(80), r#""party \ud83c""#, "party \u{fffd}"),
        (FieldType::Text(80), r#""\ud83c\udf89""#, "🎉"),
        (FieldType::Text(80), r#"{ "a": [1, "b c"] }"#, r#"{"a":[1,"b c"]}"#),
        (FieldType::Text(80), &deep, &deep[..80]),
        (FieldType::Values(80), r#"["a",null,"b"]"#, "a;b"),
    ] {
        assert_eq!(fit(kind, value), Fit::Value(json!(written)), "{kind:?}");
    }
    assert_eq!(fit(FieldType::Integer, "9007199254740993"), Fit::Value(json!(9_007_199_254_740_993_i64)));
    assert_eq!(fit(FieldType::Integer, "-0"), Fit::Value(json!(0)));
}

#[test]
fn an_empty_text_is_no_value() {
    for kind in [FieldType::Text(255), FieldType::Values(9), FieldType::Number, FieldType::Date] {
        for value in [r#"" \u00a0 ""#, r#""""#, "null"] {
            assert_eq!(fit(kind, value), Fit::Nothing, "{kind:?} {value}");
        }
    }
    assert_eq!(fit(FieldType::Values(9), "[]"), Fit::Nothing);
}

#[test]
fn what_a_field_cannot_take_is_told_from_no_value() {
    for (kind, value) in [
        (FieldType::Number, json!("about ten")),
        (FieldType::Number, json!("inf")),
        (FieldType::Integer, json!(1.5)),
        (FieldType::Integer, json!(1e300)),
        (FieldType::Boolean, json!(1)),
        (FieldType::DateTime, json!("yesterday")),
        (FieldType::DateTime, json!("2025-10-29T12:00:00")),
        (FieldType::Date, json!(20_251_029)),
    ] {
        assert_eq!(fit(kind, &value.to_string()), Fit::Unfit, "{kind:?} {value}");
    }
    let long = "9".repeat(400);
    for (kind, value) in
        [(FieldType::Number, "1e400"), (FieldType::Integer, "1e400"), (FieldType::Number, &long)]
    {
        assert_eq!(fit(kind, value), Fit::Unfit, "{kind:?}");
    }
}

#[test]
fn what_salesforce_gives_back_is_the_same() {
    let given = json!("2025-10-29T12:03:04.000+0000");
    assert!(FieldType::DateTime.is_same(&json!("2025-10-29T12:03:04.000Z"), &given));
    assert!(!FieldType::DateTime.is_same(&json!("2025-10-29T12:03:05.000Z"), &given));
    assert!(!FieldType::DateTime.is_same(&Value::Null, &given));
    assert!(FieldType::Integer.is_same(&json!(12), &json!(12.0)));
    assert!(FieldType::Text(9).is_same(&Value::Null, &Value::Null));
}

proptest! {
    #[test]
    fn every_text_fits_and_is_stable(value in "\\PC{0,300}|[🦀 \\n]{0,300}", longest in 1_usize..300) {
        if let Some(kept) = text(&value, longest) {
            prop_assert!(kept.encode_utf16().count() <= longest);
            prop_assert_eq!(text(&kept, longest).unwrap(), kept);
        }
    }
}
