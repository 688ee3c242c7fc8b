//! From the bytes of an object to the fields of its payload. What cannot be read at all is told apart from what is only of
//! an unexpected shape: a field of a type that nobody expects is left out, the payload as a whole is kept.

use std::collections::HashMap;
use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;
use schemas::timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Longest payload. JetStream's own limit for a message is 64 MB, so the sink never writes a longer one.
pub(crate) const LONGEST: u64 = 64 * 1024 * 1024;

/// Why an object holds no session. The messages hold nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is not gzip")]
    NotGzip,
    #[error("it is larger than {} MiB", LONGEST / 1024 / 1024)]
    TooLarge,
    #[error("it is not text in UTF-8")]
    NotText,
    #[error("it is not JSON at line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("it is JSON, but not an object")]
    NotAnObject,
}

/// Gunzips an object into `text`, whose allocation is used again.
///
/// # Errors
/// [`Unreadable`]; `text` is then not defined.
pub(crate) fn gunzip(object: &[u8], text: &mut Vec<u8>) -> Result<(), Unreadable> {
    text.clear();
    let read = MultiGzDecoder::new(object).take(LONGEST + 1).read_to_end(text);
    read.map_err(|_| Unreadable::NotGzip)?;
    if text.len() as u64 > LONGEST { Err(Unreadable::TooLarge) } else { Ok(()) }
}

/// The fields of a payload, and the payload itself.
pub(crate) struct Payload<'a> {
    pub(crate) text: &'a str,
    fields: Map<String, Value>,
}

impl<'a> Payload<'a> {
    /// # Errors
    /// [`Unreadable`] where it is no JSON object.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(text).map_err(|_| Unreadable::NotText)?;
        let fields = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err(Unreadable::NotAnObject),
            Err(_) => fields_one_by_one(text)?,
        };
        Ok(Self { text, fields })
    }

    /// A value by the names that lead to it, such as `metrics_summary.user_turns`.
    pub(crate) fn value(&self, path: &str) -> Option<&Value> {
        let mut names = path.split('.');
        let field = self.fields.get(names.next()?)?;
        names.try_fold(field, |value, name| value.get(name))
    }

    pub(crate) fn array(&self, path: &str) -> Option<&[Value]> {
        self.value(path)?.as_array().map(Vec::as_slice)
    }

    pub(crate) fn object(&self, path: &str) -> Option<&Map<String, Value>> {
        self.value(path)?.as_object()
    }
}

/// Valid JSON whose nesting or numbers go beyond what can be held: only the fields at fault are left out.
fn fields_one_by_one(text: &str) -> Result<Map<String, Value>, Unreadable> {
    let fields: HashMap<String, &RawValue> = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            return Unreadable::NotAnObject;
        }
        Unreadable::NotJson { line: error.line(), column: error.column() }
    })?;
    let held = |(name, field): (String, &RawValue)| Some((name, serde_json::from_str(field.get()).ok()?));
    Ok(fields.into_iter().filter_map(held).collect())
}

pub(crate) fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str()
}

/// An integer, also where it is written as 12.0.
pub(crate) fn integer(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        // Up to here every integer has a number of its own.
        (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
    })
}

pub(crate) fn number(value: Option<&Value>) -> Option<f64> {
    value?.as_f64()
}

/// Milliseconds since 1970, of a time as it stands in payloads.
pub(crate) fn time(value: Option<&Value>) -> Option<i64> {
    timestamp::parse(value?.as_str()?).ok().map(|time| time.timestamp_millis())
}

/// A value as text: a text as it is, none for null, all else as JSON.
pub(crate) fn any_as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::gzip::gzip;

    fn parse(text: &str) -> Result<Payload<'_>, Unreadable> {
        Payload::parse(text.as_bytes())
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let mut text = Vec::new();
        assert_eq!(gunzip(b"{}", &mut text), Err(Unreadable::NotGzip));
        assert_eq!(gunzip(b"", &mut text), Err(Unreadable::NotGzip));
        assert_eq!(gunzip(&gzip(b"{}")[..15], &mut text), Err(Unreadable::NotGzip));
        let mut bomb = Vec::new();
        for _ in 0..65 {
            bomb.extend(gzip(&vec![b' '; 1024 * 1024]));
        }
        assert_eq!(gunzip(&bomb, &mut text), Err(Unreadable::TooLarge));
        assert_eq!(Payload::parse(b"\xff{}").err(), Some(Unreadable::NotText));
        assert_eq!(parse("{\"a\":1,\n!").err(), Some(Unreadable::NotJson { line: 2, column: 1 }));
        assert_eq!(parse("").err(), Some(Unreadable::NotJson { line: 1, column: 0 }));
        assert_eq!(parse("[1]").err(), Some(Unreadable::NotAnObject));
        assert_eq!(parse("{\"a\":1} {}").err(), Some(Unreadable::NotJson { line: 1, column: 9 }));
    }

    #[test]
    fn only_a_field_that_cannot_be_held_is_left_out() {
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let text = format!(r#"{{"session_id":"r","deep":{deep},"huge":1e999,"twice":1,"twice":{{"a":2}}}}"#);
        let payload = parse(&text).unwrap();
        assert_eq!(super::text(payload.value("session_id")), Some("r"));
        assert_eq!((payload.value("deep"), payload.value("huge")), (None, None));
        assert_eq!(integer(payload.value("twice.a")), Some(2));
        assert_eq!(payload.text, text);
    }

    #[test]
    fn a_value_of_another_type_is_none() {
        let payload = parse(r#"{"a":"1","b":1.5,"c":-3.0,"d":[],"e":18446744073709551615}"#).unwrap();
        assert_eq!(integer(payload.value("a")), None);
        assert_eq!(integer(payload.value("b")), None);
        assert_eq!(integer(payload.value("c")), Some(-3));
        assert_eq!(integer(payload.value("e")), None);
        assert_eq!(number(payload.value("b")), Some(1.5));
        assert_eq!(super::text(payload.value("d")), None);
        assert_eq!(payload.value("a.b.c"), None);
    }

    #[test]
    fn times_of_any_offset_are_utc_milliseconds() {
        assert_eq!(time(Some(&json!("1970-01-01T01:00:00.0015+01:00"))), Some(1));
        for wrong in [json!("1970-01-01T00:00:00"), json!(0), json!(null)] {
            assert_eq!(time(Some(&wrong)), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Payload::parse(&text));
        }

        #[test]
        fn fields_one_by_one_are_the_fields(names in proptest::collection::vec("[a-d]{1,2}", 0..6)) {
            let text: Vec<_> = names.iter().enumerate().map(|(at, name)| format!("\"{name}\":[{at}]")).collect();
            let text = format!("{{{}}}", text.join(","));
            let whole: Map<String, Value> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(fields_one_by_one(&text).unwrap(), whole);
        }
    }
}
