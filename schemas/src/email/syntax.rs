//! The two parts of an address. `web/page/src/email.ts` decides the same.

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use idna::AsciiDenyList;

use super::InvalidEmail;

/// Longest name of a mailbox (RFC 5321), in bytes.
const LONGEST_NAME: usize = 64;
/// Longest part of a domain, in bytes.
const LONGEST_LABEL: usize = 63;
/// What a name may have besides letters, digits and dots.
const SPECIAL: &str = "!#$%&'*+/=?^_`{|}~-";

/// The name, and the domain in its one form.
pub(super) fn split(address: &str) -> Result<(&str, String), InvalidEmail> {
    if address.is_empty() {
        return Err(InvalidEmail::Empty);
    }
    let (name, domain) = address.rsplit_once('@').ok_or(InvalidEmail::MissingAt)?;
    check_name(name)?;
    Ok((name, check_domain(domain)?))
}

/// The same of an address that somebody took before, whatever it is.
pub(super) fn split_recorded(address: &str) -> Option<(&str, String)> {
    let (name, domain) = address.rsplit_once('@')?;
    let plausible = !name.is_empty()
        && !domain.is_empty()
        && !address.contains(char::is_control)
        && !domain.contains(char::is_whitespace)
        && (quoted(name).is_some() || !name.contains(|char: char| char == '@' || char.is_whitespace()));
    plausible.then(|| (name, to_ascii(domain).unwrap_or_else(|| domain.to_lowercase())))
}

fn check_name(name: &str) -> Result<(), InvalidEmail> {
    if name.is_empty() {
        return Err(InvalidEmail::MissingName);
    }
    if let Some(inner) = quoted(name) {
        if inner.contains(char::is_control) || !quotes_are_escaped(inner) {
            return Err(InvalidEmail::Character);
        }
    } else {
        if name.contains('@') {
            return Err(InvalidEmail::SeveralAts);
        }
        if name.contains(char::is_whitespace) {
            return Err(InvalidEmail::Space);
        }
        check_dots(name)?;
        if !name.chars().all(|char| char == '.' || SPECIAL.contains(char) || letter_or_digit(char)) {
            return Err(InvalidEmail::Character);
        }
    }
    if name.len() > LONGEST_NAME { Err(InvalidEmail::NameTooLong) } else { Ok(()) }
}

fn check_domain(domain: &str) -> Result<String, InvalidEmail> {
    if domain.is_empty() {
        return Err(InvalidEmail::MissingDomain);
    }
    if domain.contains(char::is_whitespace) {
        return Err(InvalidEmail::Space);
    }
    if domain.starts_with('[') {
        return Err(InvalidEmail::NumericDomain);
    }
    check_dots(domain)?;
    let domain = to_ascii(domain).ok_or(InvalidEmail::Domain)?;
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match labels.last() {
        Some(last) if last.bytes().all(|byte| byte.is_ascii_digit()) => Err(InvalidEmail::NumericDomain),
        _ if labels.len() < 2 || !labels.iter().all(is_label) => Err(InvalidEmail::Domain),
        _ => Ok(domain),
    }
}

/// The domain as DNS knows it. `None` where it cannot be there.
fn to_ascii(domain: &str) -> Option<String> {
    let domain = domain.to_ascii_lowercase();
    if domain.is_ascii() && !domain.contains("xn--") {
        return Some(domain);
    }
    idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::URL).ok().map(Into::into)
}

/// The domain in its own script; `None` where that is ASCII, or the domain is none.
pub(super) fn to_unicode(domain: &str) -> Option<String> {
    let (unicode, valid) = idna::domain_to_unicode(domain);
    (valid.is_ok() && unicode != domain).then_some(unicode)
}

fn check_dots(part: &str) -> Result<(), InvalidEmail> {
    let misplaced = part.starts_with('.') || part.ends_with('.') || part.contains("..");
    if misplaced { Err(InvalidEmail::Dots) } else { Ok(()) }
}

fn letter_or_digit(char: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(char);
    if char.is_ascii() {
        char.is_ascii_alphanumeric()
    } else {
        GeneralCategoryGroup::Letter
            .union(GeneralCategoryGroup::Mark)
            .union(GeneralCategoryGroup::Number)
            .contains(category)
    }
}

/// What is between the quotes of a name that has them.
fn quoted(name: &str) -> Option<&str> {
    name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|inner| !inner.is_empty())
}

fn quotes_are_escaped(inner: &str) -> bool {
    let mut escaped = false;
    for char in inner.chars() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
}
