use schemas::json::{Json, USUAL_DEPTH};
use schemas::names::metadata;
use schemas::{Email, timestamp};
use serde_json::{Map, Value};

/// LiveKit's limit for a participant's metadata, bytes.
const LONGEST_BYTES: usize = 64 * 1024;

/// What the participant's metadata says; empty where it says nothing usable.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Metadata {
    /// The address as typed, unverified, maybe none.
    pub(super) user_email: String,
    pub(super) user_metadata: Map<String, Value>,
}

/// Why the metadata, or the address in it, is not used. The session goes on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum MetadataFault {
    #[error("No participant metadata available")]
    Missing,
    #[error("Could not extract participant metadata: it is longer than 64 KiB")]
    TooLong,
    #[error("Could not extract participant metadata: it is not JSON")]
    NotJson,
    #[error("Could not extract participant metadata: it is not a JSON object")]
    NotAnObject,
    #[error("Could not extract the e-mail address from the participant metadata: it is not a text")]
    EmailNotAText,
}

/// Reads the metadata: a JSON object in a text.
pub(super) fn parse(text: &str) -> (Metadata, Option<MetadataFault>) {
    if text.is_empty() {
        return (Metadata::default(), Some(MetadataFault::Missing));
    }
    if text.len() > LONGEST_BYTES {
        return (Metadata::default(), Some(MetadataFault::TooLong));
    }
    let Ok(json) = Json::parse(text.as_bytes()) else {
        return (Metadata::default(), Some(MetadataFault::NotJson));
    };
    // As everybody can hold it who reads the payload.
    let Value::Object(user_metadata) = json.to_value(USUAL_DEPTH) else {
        return (Metadata::default(), Some(MetadataFault::NotAnObject));
    };
    let (user_email, fault) = match json.get(metadata::USER_EMAIL).map(Json::as_str) {
        // What no program can read as an address is kept as it is: a person may.
        Some(Some(text)) => {
            (Email::recorded(&text).map_or_else(|| text.to_string(), |email| email.as_str().to_owned()), None)
        }
        Some(None) => (String::new(), Some(MetadataFault::EmailNotAText)),
        None => (String::new(), None),
    };
    (Metadata { user_email, user_metadata }, fault)
}

impl Metadata {
    /// For logs: the address masked, the time, and whether there is more; no other content.
    pub(super) fn masked(&self) -> String {
        let email = masked_email(&self.user_email).unwrap_or_default();
        let mut shown = vec![format!("'{}': '{email}'", metadata::USER_EMAIL)];
        let start = self.user_metadata.get(metadata::SESSION_START).and_then(Value::as_str);
        if let Some(start) = start.and_then(|text| timestamp::parse(text).ok()) {
            shown.push(format!("'{}': '{}'", metadata::SESSION_START, timestamp::format(&start)));
        }
        let known = |key: &String| [metadata::USER_EMAIL, metadata::SESSION_START].contains(&key.as_str());
        if !self.user_metadata.keys().all(known) {
            shown.push("…".to_owned());
        }
        format!("{{{}}}", shown.join(", "))
    }
}

/// For logs; `None` for what is no address.
pub(super) fn masked_email(text: &str) -> Option<String> {
    Email::recorded(text).map(|email| email.masked().escape_debug().to_string())
}

#[cfg(test)]
mod tests {
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
            assert_eq!(
                (metadata.user_email.as_str(), fault),
                ("a@b.org", None),
                "{}",
                &odd[..odd.len().min(9)]
            );
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
}
