//! From the bytes of an object to the fields of its payload. What cannot be read at all is told apart from what is only of
//! an unexpected shape: a field of a type that nobody expects is left out, the payload as a whole is kept.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;
use schemas::json::{InvalidJson, Json};
use schemas::timestamp;

/// Longest payload. JetStream's own limit for a message is 64 MB, so the sink never writes a longer one.
pub(crate) const LONGEST: u64 = 64 * 1024 * 1024;

/// Why an object holds no session. The messages hold nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it was listed and is gone")]
    Gone,
    /// It may be there, and the store does not give it.
    #[error("{0}")]
    NotGiven(String),
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
    root: Node<'a>,
}

/// A value, whose members are looked for once, where they are asked for.
struct Node<'a> {
    json: Json<'a>,
    members: OnceCell<BTreeMap<Cow<'a, str>, Node<'a>>>,
}

impl<'a> Payload<'a> {
    /// # Errors
    /// [`Unreadable`] where it is no JSON object.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::NotText)?;
        let json = Json::parse(bytes)?;
        if !json.is_object() {
            return Err(Unreadable::NotAnObject);
        }
        Ok(Self { text, root: Node::of(json) })
    }

    /// A value by the names that lead to it, such as `metrics_summary.user_turns`.
    pub(crate) fn value(&self, path: &str) -> Option<Json<'a>> {
        path.split('.').try_fold(&self.root, |node, name| node.member(name)).map(|node| node.json)
    }

    pub(crate) fn array(&self, path: &str) -> Option<Vec<Json<'a>>> {
        self.value(path).filter(|value| value.is_array()).map(|value| value.elements().collect())
    }

    pub(crate) fn object(&self, path: &str) -> Option<BTreeMap<Cow<'a, str>, Json<'a>>> {
        self.value(path)?.members()
    }
}

impl<'a> Node<'a> {
    fn of(json: Json<'a>) -> Self {
        Self { json, members: OnceCell::new() }
    }

    fn member(&self, name: &str) -> Option<&Self> {
        let find = || self.json.entries().map(|(name, value)| (name, Self::of(value))).collect();
        self.members.get_or_init(find).get(name)
    }
}

impl From<InvalidJson> for Unreadable {
    fn from(invalid: InvalidJson) -> Self {
        match invalid {
            InvalidJson::NotUtf8 { .. } => Self::NotText,
            InvalidJson::ByteOrderMark => Self::NotJson { line: 1, column: 1 },
            InvalidJson::Syntax { line, column } | InvalidJson::Incomplete { line, column } => {
                Self::NotJson { line, column }
            }
        }
    }
}

pub(crate) fn text(value: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    value?.as_str()
}

pub(crate) fn integer(value: Option<Json<'_>>) -> Option<i64> {
    value?.as_i64()
}

pub(crate) fn number(value: Option<Json<'_>>) -> Option<f64> {
    value?.as_f64()
}

/// Milliseconds since 1970, of a time as it stands in payloads.
pub(crate) fn time(value: Option<Json<'_>>) -> Option<i64> {
    timestamp::parse(&value?.as_str()?).ok().map(|time| time.timestamp_millis())
}

/// A value as text: a text as it is, none for null, all else as JSON.
pub(crate) fn any_as_text(value: Json<'_>) -> Option<Cow<'_, str>> {
    if value.is_null() { None } else { Some(value.as_str().unwrap_or_else(|| value.compact())) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn whatever_else_is_in_it_keeps_no_field_out() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let text = format!(
            r#"{{"session_id":"r","deep":{deep},"huge":1e999,"half":"a\ud83c","twice":1,"twice":{{"a":2}},
                "metrics_summary":{{"odd":{deep},"user_turns":3}}}}"#
        );
        let payload = parse(&text).unwrap();
        assert_eq!(super::text(payload.value("session_id")).unwrap(), "r");
        assert_eq!(super::text(payload.value("half")).unwrap(), "a\u{fffd}");
        assert_eq!(number(payload.value("huge")), None);
        assert_eq!(any_as_text(payload.value("huge").unwrap()).unwrap(), "1e999");
        assert_eq!(any_as_text(payload.value("deep").unwrap()).unwrap(), deep);
        assert_eq!(integer(payload.value("twice.a")), Some(2));
        assert_eq!(integer(payload.value("metrics_summary.user_turns")), Some(3));
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
        assert_eq!(payload.value("b.0"), None);
    }

    #[test]
    fn times_of_any_offset_are_utc_milliseconds() {
        let time = |text: &str| super::time(Some(Json::parse(text.as_bytes()).unwrap()));
        assert_eq!(time(r#""1970-01-01T01:00:00.0015+01:00""#), Some(1));
        for wrong in [r#""1970-01-01T00:00:00""#, "0", "null"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Payload::parse(&text));
        }
    }
}
