//! Strings of JSON, unescaped.

use std::borrow::Cow;

/// What a checked string says; `inner` is what stands between its quotation marks. Half of a surrogate pair names no
/// character, so U+FFFD stands in its place.
pub(super) fn unescape(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut characters = escaped.chars();
        let kind = characters.next();
        rest = characters.as_str();
        text.push(match kind {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (character, after) = code_point(rest);
                rest = after;
                character
            }
            // `"`, `\` and `/` stand for themselves.
            Some(other) => other,
            None => char::REPLACEMENT_CHARACTER,
        });
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character of four hex digits, or of two surrogates, and what follows it.
fn code_point(text: &str) -> (char, &str) {
    let Some((first, rest)) = unit(text) else { return (char::REPLACEMENT_CHARACTER, text) };
    if let Some((second, after)) = rest.strip_prefix("\\u").and_then(unit)
        && let Some(Ok(pair)) = char::decode_utf16([first, second]).next()
        && pair.len_utf16() == 2
    {
        return (pair, after);
    }
    (char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
}

fn unit(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}
