//! Takes off an address what is not its own. `web/page/src/email.ts` does the same.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use percent_encoding::percent_decode_str;

/// Longest text that may hold an address with a person's name, in characters. What is longer is none.
const LONGEST_TEXT: usize = 1_000;

/// Marks that come in pairs around an address where it is copied from.
const PAIRS: [(char, char); 10] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('\u{201c}', '\u{201d}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{ab}', '\u{bb}'),
    ('\u{300c}', '\u{300d}'),
];

/// The address alone, in characters that keyboards have; `None` where the text is too long for one.
pub(super) fn clean(text: &str) -> Option<String> {
    let mut text = plain(text)?;
    loop {
        let stripped = strip(&text);
        if *stripped == *text {
            return Some(text);
        }
        text = plain(&stripped)?;
    }
}

/// Without what cannot be seen, with its characters composed, and without space around it.
fn plain(text: &str) -> Option<String> {
    let composing = ComposingNormalizerBorrowed::new_nfc();
    // Some characters are others' twins; and what stood between two that belong together is gone.
    let seen: String =
        composing.normalize_iter(text.chars()).filter(|&char| !invisible(char)).map(typed).collect();
    let seen = composing.normalize(seen.trim());
    (seen.chars().count() <= LONGEST_TEXT).then(|| seen.into_owned())
}

fn invisible(char: char) -> bool {
    CodePointMapData::<GeneralCategory>::new().get(char) == GeneralCategory::Format
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
}

/// What was meant by characters that input methods and word processors put in the place of others.
fn typed(char: char) -> char {
    match char {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char),
        '\u{3002}' | '\u{ff61}' | '\u{fe52}' => '.',
        '\u{fe6b}' => '@',
        '\u{2018}' | '\u{2019}' | '\u{2bc}' => '\'',
        '\u{2010}' | '\u{2011}' => '-',
        char => char,
    }
}

/// One thing less around the address, where there is one.
fn strip(text: &str) -> Cow<'_, str> {
    const MAILTO: &str = "mailto:";
    if let Some(scheme) = text.get(..MAILTO.len())
        && scheme.eq_ignore_ascii_case(MAILTO)
    {
        let address = text[MAILTO.len()..].split('?').next().unwrap_or_default();
        return percent_decode_str(address).decode_utf8().unwrap_or(Cow::Borrowed(address));
    }
    if let Some(listed) = text.strip_suffix([',', ';']) {
        return Cow::Borrowed(listed);
    }
    if let Some((name, address)) = text.split_once('<')
        && let Some(address) = address.strip_suffix('>')
        && !name.contains('>')
        && !address.contains(['<', '>'])
    {
        return Cow::Borrowed(address);
    }
    for (open, close) in PAIRS {
        if let Some(inner) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return Cow::Borrowed(inner);
        }
    }
    match text.strip_suffix('.') {
        Some(sentence) if !sentence.ends_with('.') => Cow::Borrowed(sentence),
        _ => Cow::Borrowed(text),
    }
}
