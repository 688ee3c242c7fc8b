//! Reading JSON: what is valid, what is not and where, and what no other reader could hold.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(text: &str) -> Json<'_> {
    Json::parse(text.as_bytes()).unwrap()
}

fn fault(bytes: &[u8]) -> String {
    Json::parse(bytes).unwrap_err().to_string()
}

#[test]
fn what_is_no_json_says_why_and_where() {
    for (text, why) in [
        (&b"{\"a\": secret}"[..], "not valid JSON at line 1, column 7"),
        (b"{\"a\":1,\n!", "not valid JSON at line 2, column 1"),
        (b"{\"a\":1} {}", "not valid JSON at line 1, column 9"),
        (b"", "the JSON ends too early at line 1, column 0"),
        (b"{", "the JSON ends too early at line 1, column 1"),
        (b"{\"a\":\"Jos\xe9\"}", "not text in UTF-8 at line 1, column 10"),
        (b"\xff\xfe{\0}\0", "not text in UTF-8 at line 1, column 1"),
        ("\u{feff}{}".as_bytes(), "not valid JSON: it begins with a byte order mark at line 1, column 1"),
    ] {
        assert_eq!(fault(text), why, "{text:?}");
    }
    for text in [
        "[1,]",
        "{,}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{1:2}",
        "[1 2]",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "NaN",
        "Infinity",
        "nul",
        "tru",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\t\"",
        "'a'",
        "[}",
        "{]",
        "]",
        "[1]]",
        "\u{a0}1",
        "// c\n1",
        "\"a",
    ] {
        assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn what_others_cannot_hold_is_read() {
    let long = "9".repeat(400);
    let text = format!(
        r#"{{"huge": 1e400, "long": {long}, "zero": -0, "half": "party \ud83c!", "ok": "\ud83c\udf89"}}"#
    );
    let payload = parse(&text);
    for name in ["huge", "long"] {
        let number = payload.get(name).unwrap();
        assert_eq!((number.as_f64(), number.as_i64(), number.is_number()), (None, None, true), "{name}");
    }
    assert_eq!(payload.get("zero").unwrap().as_i64(), Some(0));
    assert_eq!(payload.get("half").unwrap().as_str().unwrap(), "party \u{fffd}!");
    assert_eq!(payload.get("ok").unwrap().as_str().unwrap(), "🎉");
    for (text, read) in [
        (r#""\udf89\ud83c""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83c\ud83c\udf89""#, "\u{fffd}🎉"),
        (r#""\ud83c\n""#, "\u{fffd}\n"),
        (r#""\u0000\u00e9\/""#, "\0é/"),
    ] {
        assert_eq!(parse(text).as_str().unwrap(), read, "{text}");
    }
}

#[test]
fn depth_costs_no_stack() {
    for depth in [128, 1_000, 100_000, 3_000_000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let text = format!(r#"{{"deep":{open}{close},"after":1}}"#);
        // A thread with little stack.
        let read = std::thread::Builder::new().stack_size(128 * 1024).spawn(move || {
            let payload = parse(&text);
            assert_eq!(payload.get("after").unwrap().as_i64(), Some(1));
            assert_eq!(payload.get("deep").unwrap().elements().count(), 1);
            payload.to_value(4)["deep"][0][0][0].as_str().map(str::len)
        });
        assert_eq!(read.unwrap().join().unwrap(), Some((depth - 3) * 2));
        assert!(Json::parse(open.as_bytes()).is_err());
    }
}

#[test]
fn of_a_name_given_twice_the_last_one_counts() {
    let payload = parse(r#"{"a":1,"\u0061":{"b":2},"c":[{"x":1},{"x/y":{"~":3}}],"":4}"#);
    assert_eq!(payload.entries().count(), 4);
    assert_eq!(payload.members().unwrap().len(), 3);
    for (pointer, found) in [
        ("/a/b", Some("2")),
        ("/c/1/x~1y/~0", Some("3")),
        ("/c/01", None),
        ("/c/+1", None),
        ("/c/9", None),
        ("/", Some("4")),
        ("/c/0/x/y", None),
        ("a", None),
    ] {
        assert_eq!(payload.pointer(pointer).map(Json::text), found, "{pointer}");
    }
    assert_eq!(payload.pointer(""), Some(payload));
}

#[test]
fn what_a_value_cannot_hold_becomes_its_text() {
    let value = parse(r#"{"n": 1e400, "d": [[1, [2]]], "big": 18446744073709551615, "f": 1.5}"#).to_value(3);
    assert_eq!(value, json!({"n": "1e400", "d": [[1, "[2]"]], "big": u64::MAX, "f": 1.5}));
    assert_eq!(parse(" [ 1 , \"a b\" ] ").compact(), r#"[1,"a b"]"#);
}

#[test]
fn nothing_of_a_value_is_shown() {
    assert_eq!(format!("{:?}", parse(r#""secret""#)), "Json(8 bytes)");
}

/// Any value that serde_json can hold.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}|[\\x00-\\x7f]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\é]{0,2}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_read_as_it_was(value in value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let json = parse(&text);
        // As text, so that -0 and the last digit of a number are compared as well; serde_json itself reads that digit wrong
        // at times.
        prop_assert_eq!(json.to_value(100).to_string(), value.to_string());
        prop_assert_eq!(json.compact(), serde_json::to_string(&value).unwrap());
    }

    /// What serde_json takes is taken, and what it refuses is refused, but for what only its limits forbid.
    #[test]
    fn the_grammar_is_that_of_serde_json(text in "[\\[\\]{}:,\"\\\\/ \\n0-9eE.+tfnrualse-]{0,14}") {
        let ours = Json::parse(text.as_bytes()).is_ok();
        match serde_json::from_str::<&serde_json::value::RawValue>(&text) {
            Ok(_) => prop_assert!(ours, "{}", text),
            Err(_) => prop_assert!(!ours, "{}", text),
        }
    }

    /// A text that is nearly JSON: some bytes of it replaced.
    #[test]
    fn a_damaged_text_is_judged_as_serde_json_does(
        value in value(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(br#"{}[]",:\0e-. tn"#.to_vec())), 0..3),
    ) {
        let mut text = serde_json::to_vec(&value).unwrap();
        for (place, byte) in damage {
            let at = place.index(text.len());
            text[at] = byte;
        }
        let ours = Json::parse(&text);
        if let Ok(text) = std::str::from_utf8(&text) {
            prop_assert_eq!(ours.is_ok(), serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok());
        } else {
            prop_assert!(ours.is_err());
        }
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100), text in "\\PC{0,40}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            if let Ok(json) = Json::parse(bytes) {
                drop((json.to_value(9), json.members(), json.compact(), json.as_i64(), json.pointer("/a/0")));
            }
        }
    }
}
