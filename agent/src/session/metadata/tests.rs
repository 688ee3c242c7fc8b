//! Metadata of every quality.

use proptest::prelude::*;

use super::*;

#[test]
fn reads_the_address_and_keeps_the_rest() {
    let text = r#"{"user_email":"test@company.com","session_start":"2025-10-29T12:34:56Z","plan":7}"#;
    let (metadata, fault) = parse(text);
    assert_eq!(fault, None);
    assert_eq!(metadata.user_email, "test@company.com");
    assert_eq!(metadata.user_metadata["plan"], 7);
    assert_eq!(
        metadata.masked(),
        "{'user_email': 't***@company.com', 'session_start': '2025-10-29T12:34:56.000Z', …}"
    );
}

#[test]
fn an_address_of_another_front_end_gets_its_one_form() {
    for (text, email) in [
        ("Ann Lee <mailto:Ann\u{200b}@Company.COM>", "Ann@company.com"),
        ("\u{feff}ann@x.org.", "ann@x.org"),
        ("call me", "call me"),
    ] {
        let (metadata, fault) = parse(&serde_json::json!({ "user_email": text }).to_string());
        assert_eq!((metadata.user_email.as_str(), fault), (email, None));
        assert_eq!(metadata.user_metadata["user_email"], text);
    }
}

#[test]
fn goes_on_without_what_it_cannot_use() {
    let nested = "[".repeat(60_000);
    for (text, fault) in [
        ("", MetadataFault::Missing),
        ("null", MetadataFault::NotAnObject),
        ("[]", MetadataFault::NotAnObject),
        ("\"test@company.com\"", MetadataFault::NotAnObject),
        ("test@company.com", MetadataFault::NotJson),
        ("{\"user_email\":", MetadataFault::NotJson),
        (&nested, MetadataFault::NotJson),
        (&"x".repeat(65_537), MetadataFault::TooLong),
    ] {
        assert_eq!(parse(text), (Metadata::default(), Some(fault)));
    }
}

#[test]
fn an_address_that_is_no_text_costs_only_the_address() {
    for email in ["null", "7", "1e400", "[\"a@b.org\"]", "{}"] {
        let (metadata, fault) = parse(&format!(r#"{{"user_email":{email},"plan":"pro"}}"#));
        assert_eq!(fault, Some(MetadataFault::EmailNotAText));
        assert_eq!(metadata.user_email, "");
        assert_eq!(metadata.user_metadata["plan"], "pro");
    }
    assert_eq!(parse("{}"), (Metadata::default(), None));
}

#[test]
fn whatever_else_is_in_it_keeps_the_address_and_every_reader_can_hold_it() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for odd in ["1e400", r#""\ud83d""#, r#""\u0000""#, "-0", &"9".repeat(400), &deep] {
        let (metadata, fault) = parse(&format!(r#"{{"a":{odd},"user_email":"a@b.org","b":{odd}}}"#));
        assert_eq!((metadata.user_email.as_str(), fault), ("a@b.org", None), "{}", &odd[..odd.len().min(9)]);
        let published = Value::Object(metadata.user_metadata).to_string();
        assert!(serde_json::from_str::<Value>(&published).is_ok(), "{}", &odd[..odd.len().min(9)]);
    }
}

#[test]
fn sixty_four_kibibytes_are_read() {
    let frame = r#"{"user_email":"a@b.org","x":""}"#.len();
    let text = format!(r#"{{"user_email":"a@b.org","x":"{}"}}"#, "y".repeat(LONGEST_BYTES - frame));
    assert_eq!((text.len(), parse(&text).0.user_email.as_str()), (LONGEST_BYTES, "a@b.org"));
}

proptest! {
    #[test]
    fn never_panics_and_never_shows_an_address(text in "\\PC{0,60}", local in "[a-z]{2}0[a-z]{1,4}") {
        parse(&text);
        let value = serde_json::json!({"user_email": format!("{local}@x.org"), "note": text});
        let shown = parse(&value.to_string()).0.masked();
        prop_assert!(!shown.contains(&local));
    }
}
