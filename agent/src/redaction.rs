//! Takes e-mail addresses, phone and card numbers out of what was said.
//!
//! It goes by form alone and errs on the side of redacting: seven digits or more in a row become a phone number, unless
//! they are a date or a price.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Fewest digits of a phone number, also of one in words.
const PHONE_DIGITS: usize = 7;
/// Digits of a card number.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Addresses, also as they are spoken: `ann dot lee at example dot com`.
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?xi)
        [\w.%+'-]+ @ [\w-]+ (?: \. [\w-]+ )+
        | [\w%+'-]+ (?: (?:\.|\x20dot\x20) [\w%+'-]+ )* \x20at\x20
          [\w-]+ (?: (?:\.|\x20dot\x20) [\w-]+ )* (?:\.|\x20dot\x20) [a-z]{2,}\b",
    )
});
/// Digits, and what people write between those of one number.
static DIGITS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\+?\(?\d(?:[\x20\u{a0}()./\u{2010}-\u{2013}-]{0,3}\d)+"));
/// Digits as words.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    let word = r"(?:(?:double|triple)[\s-]+)?(?:zero|oh|o|one|two|three|four|five|six|seven|eight|nine|\d)";
    pattern(&format!(r"(?i)\b(?:plus[\s,]+)?{word}(?:[\s,.-]+{word})+\b"))
});
/// A date in digits, which an hour may follow.
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d)(?:\x20\d{1,2})?$",
    )
});
static CURRENCY_BEFORE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[$€£¥]\s?$"));
static CURRENCY_AFTER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^\s?(?:[$€£¥]|(?:dollar|euro|pound|cent)s?\b|(?:usd|eur|gbp)\b)"));

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns of this file are tested")
}

/// The text with `[email]`, `[phone]` and `[card]` in the place of what was found. Doing it twice changes nothing more.
pub fn redact(text: &str) -> String {
    let text = EMAIL.replace_all(text, "[email]");
    let without_digits = DIGITS.replace_all(&text, |found: &Captures<'_>| {
        let number = found.get_match();
        let is_price = || {
            CURRENCY_BEFORE.is_match(&text[..number.start()])
                || CURRENCY_AFTER.is_match(&text[number.end()..])
        };
        let kept = DATE.is_match(number.as_str()) || is_price();
        let replacement = if kept { None } else { replacement(&digits(number.as_str())) };
        replacement.unwrap_or(number.as_str()).to_owned()
    });
    let without_words = WORDS.replace_all(&without_digits, |found: &Captures<'_>| {
        replacement(&spelled(&found[0])).unwrap_or(&found[0]).to_owned()
    });
    without_words.into_owned()
}

/// What takes the place of a number of these digits; nothing where it is too short to be anybody's.
fn replacement(digits: &[u32]) -> Option<&'static str> {
    if digits.len() < PHONE_DIGITS {
        None
    } else if CARD_DIGITS.contains(&digits.len()) && has_luhn_sum(digits) {
        Some("[card]")
    } else {
        Some("[phone]")
    }
}

fn digits(text: &str) -> Vec<u32> {
    let digit = |character: char| character.is_numeric().then(|| character.to_digit(10).unwrap_or(0));
    text.chars().filter_map(digit).collect()
}

fn spelled(text: &str) -> Vec<u32> {
    let mut digits = Vec::new();
    let mut times = 1;
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let digit = match word.to_lowercase().as_str() {
            "double" => {
                times = 2;
                continue;
            }
            "triple" => {
                times = 3;
                continue;
            }
            "plus" => continue,
            "one" => 1,
            "two" => 2,
            "three" => 3,
            "four" => 4,
            "five" => 5,
            "six" => 6,
            "seven" => 7,
            "eight" => 8,
            "nine" => 9,
            other => other.parse().unwrap_or(0),
        };
        digits.extend(std::iter::repeat_n(digit, times));
        times = 1;
    }
    digits
}

/// Whether the check digit of a card number is right: each second digit from the right counts double.
fn has_luhn_sum(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let weighted = |(index, digit): (usize, &u32)| if index % 2 == 1 { doubled(*digit) } else { *digit };
    digits.iter().rev().enumerate().map(weighted).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(redact(text), text);
        }
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
}
