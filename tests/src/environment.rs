//! The names under which programs find each other: what `.run/env` holds.

use std::collections::BTreeMap;
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

    /// Sets one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// One that has to be there.
    pub fn get(&self, name: &str) -> Result<&str> {
        self.0.get(name).map(String::as_str).with_context(|| format!("{name} is not in the environment file"))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }
}

/// A line as a person may write it: indented, exported, with quotes around the value.
fn pair(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let within = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    let value = within('\'').or_else(|| within('"')).unwrap_or(value);
    (!name.starts_with('#')).then(|| (name.trim().to_owned(), value.to_owned()))
}

/// One of our own programs, beside the running one.
pub fn program(name: &str) -> Result<PathBuf> {
    let running = std::env::current_exe().context("find the running program")?;
    let path = running
        .ancestors()
        .skip(1)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("{name} is not built: run «cargo build --workspace --bins»"))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_a_shell_reads_them() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text = "A=1\n# B=2\n\n export C='x y'\nD=\"a=b\"\nE=\n";
        std::fs::write(file.path(), text).expect("write it");
        let environment = Environment::read(file.path()).expect("read it");
        let pairs: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("C", "x y"), ("D", "a=b"), ("E", "")]);
    }
}
