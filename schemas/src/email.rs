use std::fmt;

/// Longest address that mail systems accept (RFC 5321), in characters.
const LONGEST: usize = 254;

/// An e-mail address as a visitor typed it: plausible, unverified.
///
/// `Debug` shows it masked, and there is no `Display`: an address never reaches a log by accident.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email {
    original: String,
    normalized: String,
}

/// Why a text is no e-mail address. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// Nothing but white space.
    #[error("the e-mail address is empty")]
    Empty,
    /// Over 254 characters.
    #[error("the e-mail address is longer than 254 characters")]
    TooLong,
    /// No `@` with something on both sides, or a character that no address has.
    #[error("the e-mail address does not have the form name@domain")]
    Malformed,
}

impl Email {
    /// What the visitor typed, without white space around it.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// For matching: lower case.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }

    /// For logs: the first character and the domain, such as `t***@company.com`.
    pub fn masked(&self) -> String {
        let (local, domain) = self.original.rsplit_once('@').unwrap_or_default();
        match local.chars().next() {
            Some(first) if local.chars().count() > 1 => format!("{first}***@{domain}"),
            _ => format!("***@{domain}"),
        }
    }
}

impl TryFrom<&str> for Email {
    type Error = InvalidEmail;

    fn try_from(text: &str) -> Result<Self, InvalidEmail> {
        let original = text.trim();
        if original.is_empty() {
            return Err(InvalidEmail::Empty);
        }
        if original.chars().count() > LONGEST {
            return Err(InvalidEmail::TooLong);
        }
        let (local, domain) = original.rsplit_once('@').ok_or(InvalidEmail::Malformed)?;
        let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
        let has_space = |part: &str| part.contains(char::is_whitespace);
        let plausible = !local.is_empty()
            && !domain.is_empty()
            && !original.contains(char::is_control)
            && !has_space(domain)
            && (quoted || !(has_space(local) || local.contains('@')));
        if !plausible {
            return Err(InvalidEmail::Malformed);
        }
        Ok(Self { normalized: original.to_lowercase(), original: original.to_owned() })
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Email({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_was_typed_and_matches_in_lower_case() {
        let email = Email::try_from("  O'Brien+X@Y.Inc ").unwrap();
        assert_eq!(email.original(), "O'Brien+X@Y.Inc");
        assert_eq!(email.normalized(), "o'brien+x@y.inc");
    }

    #[test]
    fn masks_all_but_the_first_character_and_the_domain() {
        assert_eq!(Email::try_from("test@company.com").unwrap().masked(), "t***@company.com");
        assert_eq!(Email::try_from("t@company.com").unwrap().masked(), "***@company.com");
        assert_eq!(format!("{:?}", Email::try_from("éa@x.org").unwrap()), "Email(é***@x.org)");
    }

    #[test]
    fn refuses_what_is_no_address() {
        for (text, why) in [
            ("", InvalidEmail::Empty),
            (" \t", InvalidEmail::Empty),
            ("company.com", InvalidEmail::Malformed),
            ("@company.com", InvalidEmail::Malformed),
            ("test@", InvalidEmail::Malformed),
            ("a b@company.com", InvalidEmail::Malformed),
            ("a@b@company.com", InvalidEmail::Malformed),
            ("a\u{0}b@company.com", InvalidEmail::Malformed),
            ("a@b c", InvalidEmail::Malformed),
        ] {
            assert_eq!(Email::try_from(text), Err(why), "{text:?}");
        }
        assert_eq!(
            Email::try_from(format!("{}@x.org", "a".repeat(250)).as_str()),
            Err(InvalidEmail::TooLong)
        );
        assert!(Email::try_from("\"a b\"@x.org").is_ok());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(text in "\\PC{0,40}(@\\PC{0,20})?") {
            if let Ok(email) = Email::try_from(text.as_str()) {
                let masked = email.masked();
                prop_assert!(masked.contains("***@"));
                prop_assert_eq!(Email::try_from(email.original()).unwrap(), email);
            }
        }
    }
}
