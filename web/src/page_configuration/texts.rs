//! The operator's own wording of texts of the page, by language and key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Serialize;
use service::document::{Faults, Placed, Section, text};

/// The languages that the page speaks.
const LANGUAGES: [&str; 2] = ["en", "de"];
/// Longest text, in characters.
const LONGEST: usize = 2_000;

/// All texts of the page, by their keys; those of the other languages have the same.
static PAGE: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../page/texts/en.json")).unwrap_or_default());

/// Texts that take the place of the page's own, by language and key.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Texts(BTreeMap<String, BTreeMap<String, String>>);

pub(super) fn read(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Texts {
    let mut texts = Texts::default();
    let Some(value) = file.take("texts") else { return texts };
    let Some(mut languages) = Section::of("[texts]", value, faults) else { return texts };
    for (language, value) in languages.rest() {
        if !LANGUAGES.contains(&language.value.as_str()) {
            let known = LANGUAGES.join(", ");
            faults.add(
                language.at,
                format!("[texts]: `{}` is no language of the page; there are {known}", language.value),
            );
            continue;
        }
        let title = format!("[texts.{}]", language.value);
        let Some(mut section) = Section::of(&title, value, faults) else { continue };
        let of_language = texts.0.entry(language.value).or_default();
        for (key, value) in section.rest() {
            let Some(own) = PAGE.get(&key.value) else {
                faults.add(key.at, unknown(&title, &key.value));
                continue;
            };
            let Some(Placed { at, value }) = text(&value, &key.value, faults) else { continue };
            if let Err(why) = check(&value, own) {
                faults.add(at, format!("{title}: `{}` {why}", key.value));
            }
            of_language.insert(key.value, value);
        }
    }
    texts
}

fn check(text: &str, own: &str) -> Result<(), String> {
    if text.chars().count() > LONGEST {
        return Err(format!("has more than {LONGEST} characters"));
    }
    let (found, known) = (placeholders(text), placeholders(own));
    match found.difference(&known).next() {
        Some(unknown) => Err(format!("has {{{unknown}}}, which the page has nothing for")),
        None => Ok(()),
    }
}

/// What the page puts something else in the place of, such as `seconds` in `{seconds}`.
fn placeholders(text: &str) -> BTreeSet<&str> {
    let names = text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    names
        .filter(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .collect()
}

/// With the key that was probably meant: one of the same beginning, where there is one.
fn unknown(title: &str, key: &str) -> String {
    let group = key.split('.').next().unwrap_or_default();
    let alike: Vec<&str> =
        PAGE.keys().filter(|known| known.split('.').next() == Some(group)).map(String::as_str).collect();
    let known = if alike.is_empty() {
        "web/page/texts/en.json has all keys".to_owned()
    } else {
        format!("there are {}", alike.join(", "))
    };
    format!("{title}: `{key}` is no text of the page; {known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_own_texts_are_read() {
        assert!(!PAGE.is_empty(), "web/page/texts/en.json is a flat object of strings");
    }

    #[test]
    fn a_text_may_have_the_placeholders_of_the_pages_own_and_no_others() {
        assert!(check("Wait {seconds} s", "Try again in {seconds} seconds").is_ok());
        assert!(check("Wait", "Try again in {seconds} seconds").is_ok());
        assert!(check("{ } {} {a b}", "").is_ok());
        assert!(check("Wait {minutes}", "Try again in {seconds} seconds").unwrap_err().contains("{minutes}"));
        assert!(check(&"x".repeat(LONGEST + 1), "").is_err());
    }
}
