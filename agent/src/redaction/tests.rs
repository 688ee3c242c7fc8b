//! Addresses and numbers in the forms that people say and recognisers write.

use proptest::prelude::*;

use super::*;

#[test]
fn addresses_and_numbers_are_taken_out() {
    for (text, redacted) in [
        ("mail ann.lee+x@mail.example.co.uk, please", "mail [email], please"),
        ("it is ann dot lee at example dot com", "it is [email]"),
        ("write to Ann at example.org.", "write to [email]."),
        ("call +1 (555) 123-4567 now", "call [phone] now"),
        ("call (030) 901820-10", "call [phone]"),
        ("0171 2345678", "[phone]"),
        ("+49.171.234.5678", "[phone]"),
        ("5551234", "[phone]"),
        ("it's five five five one two three four.", "it's [phone]."),
        ("Five, five, five, one, two, three, four", "[phone]"),
        ("plus one five double five one two three", "[phone]"),
        ("5 5 5 one two three four", "[phone]"),
        ("four one one one one one one one one one one one one one one one", "[card]"),
        ("card 4111 1111 1111 1111 thanks", "card [card] thanks"),
        ("4111-1111-1111-1111", "[card]"),
        ("378282246310005", "[card]"),
        // Not a card: its check digit is wrong. It is somebody's number all the same.
        ("4111 1111 1111 1112", "[phone]"),
        ("a@b.org and 555 123 4567", "[email] and [phone]"),
        ("ann (at) example [dot] org", "[email]"),
        ("ann%40example.org or ann\u{ff20}example.org", "[email] or [email]"),
        ("ann@exam\u{200b}ple.org, 555\u{2060}123\u{feff}4567", "[email], [phone]"),
        ("ann Punkt lee at beispiel Punkt de", "[email]"),
        ("write to ann at example, dot com, please", "write to [email], please"),
        ("ann at example period co period uk", "[email]"),
        ("it is a n n dot l e e at e x a m p l e dot c o m", "it is [email]"),
        ("ann @ example . com", "[email]"),
        ("ann <at> mail <dot> example <dot> com", "[email]"),
        ("ann AT example DOT com", "[email]"),
        ("555_123_4567, 555~123~4567, 555 * 123 * 4567", "[phone], [phone], [phone]"),
        ("null eins sieben eins, zwei drei vier fünf", "[phone]"),
        ("cero uno dos tres cuatro cinco seis siete", "[phone]"),
        ("five five five twelve thirty four", "[phone]"),
        ("forty one eleven eleven eleven eleven eleven eleven eleven", "[card]"),
        ("+49\u{2009}171\u{2009}234\u{2009}5678", "[phone]"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn what_is_nobodys_stays() {
    for text in [
        "",
        "we are twelve people",
        "one two three four five six",
        "two hundred documents a month, maybe 1,200,000 a year",
        "on 2025-10-29 at 12:03, or 29.10.2025, or 10/29/2025",
        "it costs $1500000 or 2000000 euros",
        "order 123456",
        "order 12-34-56",
        "look at this, it is at home",
        "version 1.2.3",
        "no one or two of five",
        "I am at work. Call me.",
        "We sign at the end. I send a copy.",
        "look at it, period.",
        "a b c at work",
        "between twenty and thirty, so twenty five",
        "nineteen ninety nine",
        "nothing \u{200b} to see",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn an_address_whose_name_has_another_one_in_it_is_not_left() {
    assert_eq!(redact("\"Ann a@b.example Lee\"@x.org"), "[email]");
    let name = "Ann Lee of the sales team, who can be called at 4111 1111 1111 1111 all day";
    assert_eq!(redact(&format!("\"{name}\"@x.org")), "[email]");
}

proptest! {
    #[test]
    fn twice_is_as_good_as_once(
        parts in prop::collection::vec(
            prop_oneof![
                "[0-9]{1,9}", "[ .,()/@$+-]{1,2}", " at ", " dot ", "com", "ann", "double ", "one ", "seven ", "o",
                " euros", "\\PC",
            ],
            0..24,
        ),
    ) {
        let once = redact(&parts.concat());
        prop_assert_eq!(redact(&once), once);
    }

    #[test]
    fn no_number_of_seven_digits_or_more_is_left(number in "[1-9][0-9]{6,18}") {
        let redacted = redact(&format!("it is {number}, yes"));
        prop_assert!(["it is [phone], yes", "it is [card], yes"].contains(&redacted.as_str()), "{redacted}");
    }
}
