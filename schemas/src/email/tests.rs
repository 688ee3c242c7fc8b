//! Addresses: the table that the page is held to as well, and properties of the one form.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn the_table_holds() {
    let table: Value = serde_json::from_str(include_str!("../../email-cases.json")).unwrap();
    let mut reasons = std::collections::BTreeSet::new();
    let mut differing = Vec::new();
    for case in table.as_array().unwrap() {
        let text = case["text"].as_str().unwrap().repeat(case["times"].as_u64().unwrap_or(1) as usize);
        let text = text + case["then"].as_str().unwrap_or_default();
        let found = match Email::try_from(text.as_str()) {
            Ok(email) => ("email", email.as_str().to_owned()),
            Err(error) => ("reason", error.code().to_owned()),
        };
        if found.0 == "reason" {
            reasons.insert(found.1.clone());
        }
        if case[found.0] != found.1 {
            differing.push((case, found));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(reasons.len(), 12, "every reason has a case: {reasons:?}");
}

#[test]
fn one_address_has_one_form_for_matching() {
    for text in [
        "O'Brien+X@Y.Inc",
        "o\u{2019}brien+x@y.inc.",
        "Pat <o'brien+x@Y.INC>",
        "\u{feff}o'Brien+x@y.inc\u{a0}",
    ] {
        assert_eq!(Email::try_from(text).unwrap().normalized(), "o'brien+x@y.inc");
    }
    for text in ["Ann@M\u{fc}nchen.de", "ann@xn--mnchen-3ya.DE"] {
        let email = Email::try_from(text).unwrap();
        assert_eq!(email.normalized(), "ann@xn--mnchen-3ya.de");
        assert_eq!(email.normalized_in_unicode().as_deref(), Some("ann@m\u{fc}nchen.de"));
    }
    assert_eq!(Email::try_from("ann@x.org").unwrap().normalized_in_unicode(), None);
}

#[test]
fn masks_all_but_the_first_character_and_the_domain() {
    assert_eq!(Email::try_from("test@company.com").unwrap().masked(), "t***@company.com");
    assert_eq!(Email::try_from("t@company.com").unwrap().masked(), "***@company.com");
    assert_eq!(format!("{:?}", Email::try_from("\u{e9}a@x.org").unwrap()), "Email(\u{e9}***@x.org)");
}

#[test]
fn the_form_of_what_a_record_has_is_its_own_form() {
    // The domain's one form has what is taken off at an end, or composes anew.
    for text in ["ann@x.org\u{2024}", "ann@x\u{fe14}", "ann@H\u{331}|x"] {
        let once = Email::recorded(text).unwrap();
        assert_eq!(Email::recorded(once.as_str()), Some(once));
    }
}

#[test]
fn records_are_read_with_more_patience() {
    for (text, normalized) in [
        ("plain@x.org\u{200b}", "plain@x.org"),
        ("Taro..Yamada.@docomo.ne.jp", "taro..yamada.@docomo.ne.jp"),
        ("ann@localhost", "ann@localhost"),
        ("ann@under_score.example", "ann@under_score.example"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
    ] {
        assert_eq!(Email::recorded(text).unwrap().normalized(), normalized);
    }
    for text in ["", "company.com", "a b@x.org", "a@b@x.org", "@x.org", "a@", "a\u{0}@x.org"] {
        assert_eq!(Email::recorded(text), None, "{text:?}");
    }
}

#[test]
fn long_texts_cost_little() {
    for text in ["<", "\"", "mailto:", "\u{200b}", ".", ";", "a@", "%25"] {
        let long = text.repeat(200_000);
        assert!(Email::try_from(long.as_str()).is_err());
        assert_eq!(Email::recorded(&long), None);
    }
}

proptest! {
    #[test]
    fn parsing_never_panics_and_is_stable(text in "\\PC{0,40}(@\\PC{0,20}(\\.[a-z]{2})?)?") {
        for email in [Email::try_from(text.as_str()).ok(), Email::recorded(&text)].into_iter().flatten() {
            prop_assert!(email.masked().contains("***@"));
            prop_assert_eq!(Email::recorded(email.as_str()).unwrap(), email);
        }
    }

    #[test]
    fn what_cannot_be_seen_changes_nothing(
        at in 0_usize..10,
        invisible in prop::sample::select(vec!['\u{200b}', '\u{feff}', '\u{ad}', '\u{202e}', '\u{2066}', '\u{e0041}', '\u{fe0f}']),
    ) {
        let mut text = "ann@x.org".to_owned();
        text.insert(at.min(text.len()), invisible);
        let email = Email::try_from(text.as_str()).unwrap();
        prop_assert_eq!(email.as_str(), "ann@x.org");
    }
}
