//! The names under which programs find each other: what `.run/env` holds.

use std::collections::{BTreeMap, btree_map};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Settings by name, such as `NATS_URL`.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads a file of `NAME=value` lines.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("read {}: run «make up» first", file.display()))?;
        Ok(Self(text.lines().filter_map(pair).collect()))
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Without the variables whose names begin so.
    #[must_use]
    pub fn without(&self, beginnings: &[&str]) -> Self {
        let is_left = |name: &str| !beginnings.iter().any(|beginning| name.starts_with(beginning));
        let left = self.0.iter().filter(|(name, _)| is_left(name));
        Self(left.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// One that has to be there.
    pub fn get(&self, name: &str) -> Result<&str> {
        self.find(name).with_context(|| format!("{name} is not in the environment file"))
    }

    /// One that may be missing, or empty.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Environment {
    type Item = (&'a String, &'a String);
    type IntoIter = btree_map::Iter<'a, String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A line as a person may write it for a shell: indented, exported, with quotes around the value, with a comment behind it.
fn pair(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let within = |quote| value.strip_prefix(quote)?.split_once(quote).map(|(value, _)| value);
    let value = within('\'').or_else(|| within('"')).or_else(|| value.split_whitespace().next());
    (!name.starts_with('#')).then(|| (name.trim().to_owned(), value.unwrap_or_default().to_owned()))
}

/// One of our own programs, beside the running one.
pub fn program(name: &str) -> Result<PathBuf> {
    Ok(test_servers::built_program(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_a_shell_reads_them() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text = "A=1\n# B=2\n\n export C='x y'\nD=\"a=b\" # c\nE=\nF=1 # as before\n";
        std::fs::write(file.path(), text).expect("write it");
        let environment = Environment::read(file.path()).expect("read it");
        let pairs: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("C", "x y"), ("D", "a=b"), ("E", ""), ("F", "1")]);
        assert_eq!(environment.find("E"), None);
    }
}
