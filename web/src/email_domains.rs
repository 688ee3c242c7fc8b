//! Domains whose e-mail addresses are not taken, such as those of disposable mailboxes: a list of the operator's.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use schemas::Email;

/// Some domains, in the form that domains have in an [`Email`].
#[derive(Debug, Clone, Default)]
pub struct EmailDomains(Arc<HashSet<String>>);

impl EmailDomains {
    /// Reads a file with a domain in each line; what stands behind a `#` is a comment.
    ///
    /// # Errors
    /// The file cannot be read, or has lines that are no domain; all of them are told, a line each.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("read the domains in {name}"))?;
        Self::parse(&text).or_else(|faults| {
            let lines: Vec<_> = faults
                .iter()
                .map(|line| format!("{name}:{line}: this is no domain such as company.com"))
                .collect();
            bail!("the list of domains has faults:\n{}", lines.join("\n"))
        })
    }

    /// The numbers of the lines that are no domain, where there are any.
    fn parse(text: &str) -> Result<Self, Vec<usize>> {
        let mut domains = HashSet::new();
        let mut faults = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let domain = line.split('#').next().unwrap_or_default().trim();
            // As an address has it: in ASCII and in lower case.
            match Email::try_from(format!("x@{domain}").as_str()) {
                _ if domain.is_empty() => {}
                Ok(email) => domains.extend(domain_of(&email).map(str::to_owned)),
                Err(_) => faults.push(index + 1),
            }
        }
        if faults.is_empty() { Ok(Self(Arc::new(domains))) } else { Err(faults) }
    }

    /// Whether an address is of one of them, or of a domain below one.
    pub(crate) fn contain(&self, email: &Email) -> bool {
        let mut rest = domain_of(email);
        while let Some(domain) = rest {
            if self.0.contains(domain) {
                return true;
            }
            rest = domain.split_once('.').map(|(_, above)| above);
        }
        false
    }
}

fn domain_of(email: &Email) -> Option<&str> {
    Some(email.normalized().rsplit_once('@')?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_and_all_below_them_are_contained_in_every_spelling() {
        let text = "# disposable\nMailinator.com\n\n  b\u{fc}cher.example  # ours\nco.test\n";
        let domains = EmailDomains::parse(text).unwrap();
        let contained = |address: &str| domains.contain(&Email::try_from(address).unwrap());
        for address in [
            "a@mailinator.com",
            "A@MAILINATOR.COM",
            "a@x.y.mailinator.com",
            "a@b\u{fc}cher.example",
            "a@xn--bcher-kva.example",
            "a@x.co.test",
        ] {
            assert!(contained(address), "{address}");
        }
        for address in
            ["a@notmailinator.com", "a@mailinator.com.org", "a@example.com", "mailinator.com@x.org"]
        {
            assert!(!contained(address), "{address}");
        }
    }

    #[test]
    fn every_line_that_is_no_domain_is_told() {
        let text = "good.com\nno domain\n@bad.com\n*.bad.com\ncom\n";
        assert_eq!(EmailDomains::parse(text).unwrap_err(), [2, 3, 4, 5]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("domains.txt");
        std::fs::write(&path, text).unwrap();
        let told = format!("{:#}", EmailDomains::load(&path).unwrap_err());
        assert!(told.contains("domains.txt:2: this is no domain"), "{told}");
        assert_eq!(told.lines().count(), 5);
    }
}
