//! E-mail addresses: what is taken for one, and its one form.

mod cleaning;
mod syntax;

use std::fmt;

/// Longest address that mail systems accept (RFC 5321), in bytes.
const LONGEST: usize = 254;
/// How often what a record has is read until its form stays: twice is enough for nearly all.
const MOST_READINGS: u32 = 8;

/// An e-mail address in its one form: plausible, unverified.
///
/// What surrounds an address where it was copied from is taken off, and so is what nobody can see. The domain is in lower
/// case and in ASCII, the name before it as typed. `schemas/email-cases.json` shows what becomes of what.
///
/// `Debug` shows it masked, and there is no `Display`: an address never reaches a log by accident.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email {
    address: String,
    normalized: String,
}

/// Why a text is no e-mail address, in words for who typed it. They do not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// Nothing that can be seen.
    #[error("the e-mail address is empty")]
    Empty,
    /// Over 254 bytes.
    #[error("the e-mail address is longer than 254 characters")]
    TooLong,
    /// Over 64 bytes before the `@`.
    #[error("there are more than 64 characters before the @")]
    NameTooLong,
    /// A name or a domain alone.
    #[error("the e-mail address has no @")]
    MissingAt,
    /// Two addresses, or a slip.
    #[error("there is more than one @: give one e-mail address")]
    SeveralAts,
    /// Only a domain.
    #[error("there is nothing before the @")]
    MissingName,
    /// Only a name.
    #[error("there is nothing behind the @")]
    MissingDomain,
    /// White space within.
    #[error("there is a space in the e-mail address: remove the space")]
    Space,
    /// A dot at an end of a part, or two side by side.
    #[error(
        "a dot of the e-mail address is at a wrong place, or there are two side by side: correct the dots"
    )]
    Dots,
    /// What no name of a mailbox has without quotes.
    #[error("there is a character in the e-mail address that cannot be there: remove it")]
    Character,
    /// No domain of the internet.
    #[error("what stands behind the @ is no domain such as company.com: correct it")]
    Domain,
    /// An address of a machine.
    #[error("what stands behind the @ is a number: give a domain such as company.com")]
    NumericDomain,
}

impl Email {
    /// The address as it is sent, stored and shown.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// For matching: all of it in lower case.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }

    /// For matching with records that have the domain in its own script; `None` where that is ASCII.
    pub fn normalized_in_unicode(&self) -> Option<String> {
        let (name, domain) = self.normalized.rsplit_once('@')?;
        Some(format!("{name}@{}", syntax::to_unicode(domain)?))
    }

    /// For logs: the first character and the domain, such as `t***@company.com`.
    pub fn masked(&self) -> String {
        let (name, domain) = self.address.rsplit_once('@').unwrap_or_default();
        match name.chars().next() {
            Some(first) if name.chars().count() > 1 => format!("{first}***@{domain}"),
            _ => format!("***@{domain}"),
        }
    }

    /// What a record has as its address, in the same form. It was taken once, maybe by others, so it is held to less:
    /// whatever has a name, an `@` and a domain is an address.
    pub fn recorded(text: &str) -> Option<Self> {
        let mut read = Self::read_recorded(text)?;
        // The one form of a domain may have again what is taken off an address, and whoever reads that form has to find the same.
        for _ in 0..MOST_READINGS {
            let again = Self::read_recorded(&read.address)?;
            if again == read {
                return Some(read);
            }
            read = again;
        }
        None
    }

    fn read_recorded(text: &str) -> Option<Self> {
        let recorded = || {
            let cleaned = cleaning::clean(text).filter(|cleaned| cleaned.chars().count() <= LONGEST)?;
            let (name, domain) = syntax::split_recorded(&cleaned)?;
            Some(Self::new(name, &domain))
        };
        Self::try_from(text).ok().or_else(recorded)
    }

    fn new(name: &str, domain: &str) -> Self {
        let address = format!("{name}@{domain}");
        Self { normalized: address.to_lowercase(), address }
    }
}

impl TryFrom<&str> for Email {
    type Error = InvalidEmail;

    fn try_from(text: &str) -> Result<Self, InvalidEmail> {
        let cleaned = cleaning::clean(text).ok_or(InvalidEmail::TooLong)?;
        let (name, domain) = syntax::split(&cleaned)?;
        let email = Self::new(name, &domain);
        if email.address.len() > LONGEST { Err(InvalidEmail::TooLong) } else { Ok(email) }
    }
}

impl InvalidEmail {
    /// For programs: the same for ever.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::NameTooLong => "name_too_long",
            Self::MissingAt => "missing_at",
            Self::SeveralAts => "several_ats",
            Self::MissingName => "missing_name",
            Self::MissingDomain => "missing_domain",
            Self::Space => "space",
            Self::Dots => "dots",
            Self::Character => "character",
            Self::Domain => "domain",
            Self::NumericDomain => "numeric_domain",
        }
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Email({})", self.masked())
    }
}

#[cfg(test)]
mod tests;
