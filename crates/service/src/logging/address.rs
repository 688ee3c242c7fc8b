//! E-mail addresses in a text, masked, however their sign is written.

use std::borrow::Cow;

/// How an address's sign is written, in a text or in a URL.
const SIGNS: [&str; 4] = ["@", "%40", "\u{ff20}", "\u{fe6b}"];
/// Most characters of a quoted name.
const LONGEST_QUOTED: usize = 64;

/// A text in which only the first character and the domain are left of each e-mail address, as in `t***@company.com`.
pub(crate) fn mask_addresses(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    // Bytes of the text that are in `masked`, and where to look on.
    let (mut done, mut from) = (0, 0);
    while let Some((at, sign)) = next_sign(text, from) {
        from = at + sign.len();
        if !is_domain(&text[from..]) {
            continue;
        }
        let Some((begins, shown)) = name_before(&text[done..at]) else { continue };
        masked.push_str(&text[done..done + begins]);
        masked.push_str(shown);
        masked.push_str("***");
        done = at;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[done..]);
    Cow::Owned(masked)
}

fn next_sign(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let places = text[from..].match_indices(['@', '%', '\u{ff20}', '\u{fe6b}']).map(|(at, _)| from + at);
    let sign_at = |at: usize| SIGNS.iter().find(|sign| text[at..].starts_with(**sign));
    places.filter_map(|at| Some((at, *sign_at(at)?))).next()
}

/// Whether a text begins with what can be the domain of an address: one with a dot in it that is no number, whatever follows
/// behind another dot, or an address of the network in brackets.
fn is_domain(text: &str) -> bool {
    if text.starts_with('[') {
        return true;
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '.' && letter != '-');
    let domain = &text[..end.unwrap_or(text.len())];
    domain.split('.').skip(1).any(|label| label.chars().any(char::is_alphabetic))
}

/// Where the name of an address begins, in the text before its sign, and what is shown of it.
fn name_before(text: &str) -> Option<(usize, &str)> {
    if let Some(inside) = text.strip_suffix('"') {
        let begin = inside.rfind('"').map_or(0, |quote| quote + 1);
        return (inside[begin..].chars().count() <= LONGEST_QUOTED).then_some((begin, ""));
    }
    let of_name = |letter: char| letter.is_alphanumeric() || "._%+-!#$^~".contains(letter);
    let begin = text.len() - trailing(text, of_name);
    let name = &text[begin..];
    let first = name.chars().next()?.len_utf8();
    Some((begin, if first < name.len() { &name[..first] } else { "" }))
}

/// Bytes at the end of a text whose characters are such ones.
fn trailing(text: &str, such: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_end_matches(such).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_the_first_character_and_the_domain_are_shown() {
        for (text, shown) in [
            ("test@company.com", "t***@company.com"),
            ("to <a@b.de>, zoë.x@münchen.example!", "to <***@b.de>, z***@münchen.example!"),
            ("GET /leads?email=ann.lee%40company.com&x=1", "GET /leads?email=a***%40company.com&x=1"),
            ("'ann+voice@mail.company.com'", "'a***@mail.company.com'"),
            ("\"Ann Lee\"@company.com", "\"***@company.com"),
            ("ann@[10.0.0.1]", "a***@[10.0.0.1]"),
            ("ann@company.com,bob@company.com", "a***@company.com,b***@company.com"),
            ("ann@company.com.", "a***@company.com."),
            ("ann@company.com.2 of 3", "a***@company.com.2 of 3"),
            ("ann@b@company.com", "ann@***@company.com"),
            ("ann＠company.com", "a***＠company.com"),
        ] {
            assert_eq!(mask_addresses(text), shown);
        }
    }

    #[test]
    fn what_is_no_address_stays() {
        for text in [
            "t***@company.com",
            "crate@0.1.2",
            "user@localhost",
            "@company.com",
            "nats://127.0.0.1:4222",
            "100%",
            "a@",
            "",
        ] {
            assert!(matches!(mask_addresses(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
