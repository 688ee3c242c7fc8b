//! Statements that look rows up by a list of texts.

/// Splits texts into lists so that each statement stays within `limit` bytes in a URL. A text that is too long alone
/// still gets a statement of its own.
pub fn split<'a>(select: &str, texts: impl IntoIterator<Item = &'a str>, limit: usize) -> Vec<Vec<&'a str>> {
    let room = limit.saturating_sub(encoded_length(select) + encoded_length("()"));
    let mut lists: Vec<Vec<&str>> = Vec::new();
    let mut used = 0;
    for text in texts {
        let length = encoded_length(&literal(text)) + encoded_length(",");
        match lists.last_mut() {
            Some(list) if used + length <= room => {
                list.push(text);
                used += length;
            }
            _ => {
                lists.push(vec![text]);
                used = length;
            }
        }
    }
    lists
}

/// `SELECT … WHERE Email IN ` with its list: `('a@x.org','b@x.org')`.
pub fn statement(select: &str, texts: &[&str]) -> String {
    let literals: Vec<_> = texts.iter().map(|text| literal(text)).collect();
    format!("{select}({})", literals.join(","))
}

/// A text in single quotes; whatever it holds, it is read back as the same text.
pub fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        match character {
            '\\' => literal.push_str(r"\\"),
            '\'' => literal.push_str(r"\'"),
            '"' => literal.push_str("\\\""),
            '\n' => literal.push_str(r"\n"),
            '\r' => literal.push_str(r"\r"),
            '\t' => literal.push_str(r"\t"),
            '\u{8}' => literal.push_str(r"\b"),
            '\u{c}' => literal.push_str(r"\f"),
            plain => literal.push(plain),
        }
    }
    literal.push('\'');
    literal
}

/// Bytes in the query part of a URL.
fn encoded_length(text: &str) -> usize {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._ ".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { 1 } else { 3 }).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::Url;
    use simulators::salesforce::soql::parse;

    use super::*;
    use crate::client::SHORTEST_STATEMENT;

    const LEADS_BY_EMAIL: &str = "SELECT Id, Email FROM Lead WHERE Email IN ";

    fn read_back(statement: &str) -> Vec<String> {
        parse(statement).unwrap().condition.unwrap().values
    }

    #[test]
    fn statements_have_the_shape_that_is_read() {
        insta::assert_snapshot!(
            statement("SELECT Id FROM Lead WHERE Email IN ", &["a@x.org", "o'brien\\@x.org"]),
            @r"SELECT Id FROM Lead WHERE Email IN ('a@x.org','o\'brien\\@x.org')"
        );
        assert_eq!(read_back(&statement(LEADS_BY_EMAIL, &["a@x.org"])), ["a@x.org"]);
    }

    #[test]
    fn the_longest_address_fits_into_the_least_room() {
        let text = statement(LEADS_BY_EMAIL, &[&"🦀".repeat(254)]);
        assert!(encoded_length(&text) <= SHORTEST_STATEMENT, "{}", encoded_length(&text));
    }

    proptest! {
        #[test]
        fn a_literal_is_read_back_as_the_same_text(text in "([\\x00-\\x7f]|['\"\\\\]|\\PC){0,80}") {
            prop_assert_eq!(read_back(&statement(LEADS_BY_EMAIL, &[&text])), [text]);
        }

        #[test]
        fn lists_keep_every_text_in_order_and_fit(
            texts in prop::collection::vec("[a-z@'é ]{1,30}", 0..60),
            limit in 500_usize..2_000,
        ) {
            let lists = split(LEADS_BY_EMAIL, texts.iter().map(String::as_str), limit);
            prop_assert_eq!(lists.concat(), texts.clone());
            for list in lists {
                let text = statement(LEADS_BY_EMAIL, &list);
                let url = Url::parse_with_params("http://x/", [("q", &text)]).unwrap();
                prop_assert_eq!(url.query().unwrap().len(), "q=".len() + encoded_length(&text));
                prop_assert!(list.len() == 1 || encoded_length(&text) <= limit);
            }
        }
    }
}
