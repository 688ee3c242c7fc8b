//! What a field takes from JSON, and what the org keeps of it.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Value, json};

use super::objects::{Field, Kind, long_id};
use super::row_error::RowError;

/// The years that a date may lie in.
const YEARS: std::ops::RangeInclusive<i32> = 1700..=4000;

/// Whether a field's value has a type that the parser of the API can read into it; otherwise the parser's complaint,
/// which concerns the whole call.
pub(crate) fn readable(field: &Field, value: &Value) -> Result<(), String> {
    let wanted = match field.kind {
        Kind::Boolean => "boolean",
        Kind::DateTime => "datetime",
        _ => "string",
    };
    let fits = match (field.kind, value) {
        (_, Value::Null) => true,
        (Kind::Boolean, value) => value.is_boolean(),
        (Kind::DateTime, Value::String(text)) => text.trim().is_empty() || parse_time(text.trim()).is_some(),
        (_, value) => value.is_string(),
    };
    if fits {
        return Ok(());
    }
    let (token, shown) = match value {
        Value::Null => ("VALUE_NULL", String::new()),
        Value::Bool(value) => (if *value { "VALUE_TRUE" } else { "VALUE_FALSE" }, value.to_string()),
        Value::Number(number) if number.is_f64() => ("VALUE_NUMBER_FLOAT", number.to_string()),
        Value::Number(number) => ("VALUE_NUMBER_INT", number.to_string()),
        Value::String(text) => ("VALUE_STRING", text.clone()),
        Value::Array(_) => ("START_ARRAY", "[".to_owned()),
        Value::Object(_) => ("START_OBJECT", "{".to_owned()),
    };
    Err(format!(
        "Cannot deserialize instance of {wanted} from {token} value {shown} or request may be missing a required field"
    ))
}

/// The value as the org keeps it.
pub(crate) fn convert(field: &'static Field, value: &Value) -> Result<Value, RowError> {
    let wrong = || {
        let message = format!("{}: value not of required type: {value}", field.label);
        RowError::new("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[field.name])
    };
    let text = match (field.kind, value) {
        (_, Value::Null) => return Ok(Value::Null),
        (Kind::Boolean, Value::Bool(_)) => return Ok(value.clone()),
        (Kind::Boolean, _) => return Err(wrong()),
        (_, Value::String(text)) => text.trim(),
        _ => return Err(wrong()),
    };
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let longest = field.length();
    if longest > 0 && text.encode_utf16().count() > longest {
        let message = format!("{}: data value too large: {text} (max length={longest})", field.label);
        return Err(RowError::new("STRING_TOO_LONG", message, &[field.name]));
    }
    match field.kind {
        Kind::Id | Kind::Reference => long_id(text).map(Value::from).ok_or_else(|| {
            let message = format!("{}: id value of incorrect type: {text}", field.label);
            RowError::new("MALFORMED_ID", message, &[field.name])
        }),
        Kind::Email if !text.contains('@') => {
            let message = format!("{}: invalid email address: {text}", field.label);
            Err(RowError::new("INVALID_EMAIL_ADDRESS", message, &[field.name]))
        }
        Kind::DateTime => {
            let time = parse_time(text).ok_or_else(wrong)?;
            if !YEARS.contains(&time.year()) {
                let message = format!("{}: invalid date: {text}", field.label);
                return Err(RowError::new("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[field.name]));
            }
            Ok(json!(format_time(time)))
        }
        _ => Ok(json!(text)),
    }
}

/// Reads a date and time with any offset.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    // RFC 3339 allows a space where Salesforce wants a `T`.
    Some(time.ok().filter(|_| text.contains(['T', 't']))?.with_timezone(&Utc))
}

/// A date and time as the org gives it: whole seconds.
pub(crate) fn format_time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::objects::Object;

    fn of(name: &str) -> &'static Field {
        Object::Lead.field(name).unwrap()
    }

    #[test]
    fn a_value_of_another_type_is_a_fault_of_the_whole_call() {
        for (name, value, complaint) in [
            (
                "Last_Voice_Call_Date__c",
                json!("2025-10-29 12:00:00"),
                "datetime from VALUE_STRING value 2025-10-29",
            ),
            ("Last_Voice_Call_Date__c", json!("2025-10-29T12:00:00"), "datetime from VALUE_STRING"),
            (
                "Last_Voice_Call_Date__c",
                json!(1_761_739_384),
                "datetime from VALUE_NUMBER_INT value 1761739384",
            ),
            ("Last_Voice_Session__c", json!(5.5), "string from VALUE_NUMBER_FLOAT value 5.5"),
            ("Last_Voice_Session__c", json!({}), "string from START_OBJECT value {"),
            ("IsConverted", json!("true"), "boolean from VALUE_STRING value true"),
        ] {
            let found = readable(of(name), &value).unwrap_err();
            assert!(found.contains(complaint), "{found}");
        }
        for value in
            [json!(null), json!(""), json!("2025-10-29T12:00:00Z"), json!("2025-10-29T12:00:00.000+0000")]
        {
            assert_eq!(readable(of("Last_Voice_Call_Date__c"), &value), Ok(()));
        }
    }

    #[test]
    fn what_a_field_cannot_hold_is_a_fault_of_the_row() {
        for (name, value, code) in [
            ("Last_Voice_Session__c", "x".repeat(256), "STRING_TOO_LONG"),
            // An emoji counts as two.
            ("Last_Voice_Session__c", "🦀".repeat(128), "STRING_TOO_LONG"),
            ("OwnerId", "nobody".to_owned(), "MALFORMED_ID"),
            ("Email", "nobody".to_owned(), "INVALID_EMAIL_ADDRESS"),
            ("Last_Voice_Call_Date__c", "9999-01-01T00:00:00Z".to_owned(), "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ] {
            assert_eq!(convert(of(name), &json!(value)).unwrap_err().status_code, code, "{value}");
        }
    }

    #[test]
    fn texts_are_trimmed_and_times_lose_their_fractions() {
        assert_eq!(convert(of("Company"), &json!(" Acme ")).unwrap(), json!("Acme"));
        assert_eq!(convert(of("Company"), &json!("  ")).unwrap(), Value::Null);
        assert_eq!(
            convert(of("Last_Voice_Call_Date__c"), &json!("2025-10-29T14:00:00.900+02:00")).unwrap(),
            json!("2025-10-29T12:00:00.000+0000")
        );
    }
}
