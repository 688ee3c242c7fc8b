//! Takes e-mail addresses, phone and card numbers out of what was said, and out of the payload as a whole.
//!
//! It goes by form alone and errs on the side of redacting: seven digits or more in a row become a phone number, unless
//! they are a date or a price.

pub mod payload;

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Fewest digits of a phone number, also of one in words.
const PHONE_DIGITS: usize = 7;
/// Fewest digits of a number that is no text: counts and prices are shorter.
const NUMBER_DIGITS: usize = 10;
/// Digits of a card number.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Digits in the languages that callers are likely to fall into; a word that two have is there once.
const DIGIT_WORDS: [(&str, u32); 64] = [
    ("zero", 0),
    ("oh", 0),
    ("o", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("null", 0),
    ("eins", 1),
    ("zwei", 2),
    ("zwo", 2),
    ("drei", 3),
    ("vier", 4),
    ("fünf", 5),
    ("sechs", 6),
    ("sieben", 7),
    ("acht", 8),
    ("neun", 9),
    ("zéro", 0),
    ("un", 1),
    ("deux", 2),
    ("trois", 3),
    ("quatre", 4),
    ("cinq", 5),
    ("sept", 7),
    ("huit", 8),
    ("neuf", 9),
    ("cero", 0),
    ("uno", 1),
    ("dos", 2),
    ("tres", 3),
    ("cuatro", 4),
    ("cinco", 5),
    ("seis", 6),
    ("siete", 7),
    ("ocho", 8),
    ("nueve", 9),
    ("due", 2),
    ("tre", 3),
    ("quattro", 4),
    ("cinque", 5),
    ("sei", 6),
    ("sette", 7),
    ("otto", 8),
    ("nove", 9),
    ("um", 1),
    ("dois", 2),
    ("três", 3),
    ("quatro", 4),
    ("sete", 7),
    ("oito", 8),
    ("nul", 0),
    ("een", 1),
    ("twee", 2),
    ("drie", 3),
    ("vijf", 5),
    ("zes", 6),
    ("zeven", 7),
    ("negen", 9),
];
/// Words of two digits: those that stand alone, and those that one digit may follow in the place of their last.
const TEENS: [&str; 10] = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Addresses, also as they are spoken: `ann dot lee at example dot com`, or letter by letter.
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    const AT: &str = r"(?: \x20?[@＠﹫]\x20? | %40 | \x20?[\[({<]at[\])}>]\x20? )";
    const DOT: &str = r"(?: [.．。] | \x20\.\x20? | \x20?[\[({<]dot[\])}>]\x20? )";
    const SPOKEN_AT: &str = r",?\x20(?:at|ät|arobase|arroba|chiocciola|apenstaartje),?\x20";
    const SPOKEN_DOT: &str = r"(?: \. | ,?\x20(?:dot|period|punkt|point|punto|ponto|punt),?\x20 )";
    const LETTERS: &str = r"(?: [a-z0-9]\x20 )+ [a-z0-9]\b";
    pattern(&format!(
        r#"(?xi)
        (?: [\w.%+'-]+ | "[^"@]{{1,64}}" ) {AT} [\w-]+ (?: {DOT} [\w-]+ )+
        | (?: \b{LETTERS} | [\w%+'-]+ ) (?: {SPOKEN_DOT} (?: {LETTERS} | [\w%+'-]+ ) )* {SPOKEN_AT}
          (?: {LETTERS} | [\w-]+ ) (?: {SPOKEN_DOT} (?: {LETTERS} | [\w-]+ ) )*?
          {SPOKEN_DOT} (?: [a-z]{{2,}}[\w-]* | {LETTERS} ) (?: {SPOKEN_DOT} [a-z]{{2,}}[\w-]* )*"#,
    ))
});
/// Digits, and what people write between those of one number.
static DIGITS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\+?\(?\d(?:[\x20\t\u{a0}\u{2009}\u{202f}()./_~*|\u{b7}\u{2022}\u{2010}-\u{2015}\u{2212}-]{0,3}\d)+",
    )
});
/// Finds digits that are spelled as words, two or more in a row.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    let words: Vec<_> = DIGIT_WORDS.iter().map(|(word, _)| *word).chain(TEENS).chain(TENS).collect();
    let word = format!(r"(?:(?:double|triple)[\s-]+)?(?:{}|\d)", words.join("|"));
    pattern(&format!(r"(?i)\b(?:plus[\s,]+)?{word}\b(?:[\s,.-]+{word}\b)+"))
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

/// What nobody sees, and what may be between the characters of an address.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text with `[email]`, `[phone]` and `[card]` in the place of what was found. Doing it twice changes nothing more.
pub fn redact(text: &str) -> String {
    if text.contains(is_invisible) {
        let visible = text.replace(is_invisible, "");
        let redacted = redact_visible(&visible);
        return if redacted == visible { text.to_owned() } else { redacted };
    }
    redact_visible(text)
}

/// What takes the place of a number that is no text; nothing where it may be a count.
fn redact_number(number: &serde_json::Number) -> Option<&'static str> {
    let digits = digits(number.as_u64()?.to_string().as_str());
    if digits.len() < NUMBER_DIGITS { None } else { replacement(&digits) }
}

/// Some show only when others are gone: a name in quotes may have an address in it, or a number that makes it too long.
fn redact_visible(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let redacted = redact_once(&text);
        if redacted == text {
            return text;
        }
        text = redacted;
    }
}

fn redact_once(text: &str) -> String {
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
    let mut digits: Vec<u32> = Vec::new();
    let (mut times, mut after_tens) = (1, false);
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let word = word.to_lowercase();
        let is_tens = TENS.iter().position(|tens| *tens == word);
        if let Some(tens) = is_tens {
            digits.extend([tens as u32 + 2, 0]);
        } else if let Some(teen) = TEENS.iter().position(|teen| *teen == word) {
            digits.extend([1, teen as u32]);
        } else if let Some(digit) = digit(&word) {
            // Twenty one has two digits.
            if after_tens && digit > 0 {
                digits.pop();
            }
            digits.extend(std::iter::repeat_n(digit, times));
        }
        times = match word.as_str() {
            "double" => 2,
            "triple" => 3,
            _ => 1,
        };
        after_tens = is_tens.is_some();
    }
    digits
}

fn digit(word: &str) -> Option<u32> {
    let spelled = DIGIT_WORDS.iter().find(|(spelled, _)| *spelled == word).map(|(_, digit)| *digit);
    spelled.or_else(|| {
        word.chars()
            .next()
            .filter(|character| character.is_numeric())
            .map(|character| character.to_digit(10).unwrap_or(0))
    })
}

/// Whether the check digit of a card number is right: each second digit from the right counts double.
fn has_luhn_sum(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let weighted = |(index, digit): (usize, &u32)| if index % 2 == 1 { doubled(*digit) } else { *digit };
    digits.iter().rev().enumerate().map(weighted).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests;
