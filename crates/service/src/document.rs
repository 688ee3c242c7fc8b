//! Reads TOML with the place of everything in it, so that all faults of a file are found at once and each names its line.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Number;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A fault in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line of the file, counted from 1.
    pub line: usize,
    /// Character in the line, counted from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// A value and where it is.
pub type Value<'t> = Spanned<DeValue<'t>>;

/// The faults found so far, by their place in the text.
pub struct Faults<'t> {
    text: &'t str,
    found: Vec<(usize, String)>,
}

/// Something read, and the byte where it begins.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The byte.
    pub at: usize,
    /// What was read.
    pub value: T,
}

/// A table whose keys are taken one by one; what is left in the end is unknown.
pub struct Section<'t> {
    /// What it is, for messages, such as `signal 2`.
    pub title: String,
    /// The byte where it begins.
    pub at: usize,
    entries: BTreeMap<String, (usize, Value<'t>)>,
}

impl<'t> Faults<'t> {
    /// None yet, of this text.
    pub fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// One more, at this byte of the text.
    pub fn add(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }

    /// What was read, where there is no fault.
    ///
    /// # Errors
    /// All faults, in the order of the text.
    pub fn finish<T>(mut self, read: Option<T>) -> Result<T, Vec<Fault>> {
        match read {
            Some(read) if self.found.is_empty() => Ok(read),
            _ => {
                self.found.sort();
                Err(self.found.into_iter().map(|(at, message)| fault(self.text, at, message)).collect())
            }
        }
    }
}

fn fault(text: &str, at: usize, message: String) -> Fault {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Fault {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message,
    }
}

impl<'t> Section<'t> {
    /// The whole file; what is no TOML is a fault each.
    pub fn of_file(title: &str, text: &'t str, faults: &mut Faults<'_>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            faults.add(at, format!("this is no TOML: {}", error.message()));
        }
        Self::of_table(title, 0, table.into_inner())
    }

    /// A value that has to be a table.
    pub fn of(title: &str, value: Value<'t>, faults: &mut Faults<'_>) -> Option<Self> {
        let at = value.span().start;
        match value.into_inner() {
            DeValue::Table(table) => Some(Self::of_table(title, at, table)),
            _ => {
                faults.add(at, format!("{title} has to be a table"));
                None
            }
        }
    }

    fn of_table(title: &str, at: usize, table: DeTable<'t>) -> Self {
        let entries = table
            .into_iter()
            .map(|(key, value)| {
                let key_at = key.span().start;
                (key.into_inner().into_owned(), (key_at, value))
            })
            .collect();
        Self { title: title.to_owned(), at, entries }
    }

    /// A key's value, where the key is there.
    pub fn take(&mut self, key: &str) -> Option<Value<'t>> {
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// A key's value; a fault where the key is missing.
    pub fn require(&mut self, key: &str, faults: &mut Faults<'_>) -> Option<Value<'t>> {
        let value = self.take(key);
        if value.is_none() {
            faults.add(self.at, format!("{}: `{key}` is missing: add it", self.title));
        }
        value
    }

    /// A key's text, which is not empty.
    pub fn text(&mut self, key: &str, faults: &mut Faults<'_>) -> Option<Placed<String>> {
        let value = self.require(key, faults)?;
        text(&value, key, faults)
    }

    /// A key's text, which is not empty, where the key is there.
    pub fn optional_text(&mut self, key: &str, faults: &mut Faults<'_>) -> Option<Placed<String>> {
        let value = self.take(key)?;
        text(&value, key, faults)
    }

    /// A key's number, where the key is there.
    pub fn number(&mut self, key: &str, faults: &mut Faults<'_>) -> Option<Placed<Number>> {
        let value = self.take(key)?;
        let at = value.span().start;
        match json(&value) {
            Ok(serde_json::Value::Number(value)) => Some(Placed { at, value }),
            _ => {
                faults.add(at, format!("`{key}` has to be a number"));
                None
            }
        }
    }

    /// A key's whole number, where the key is there.
    pub fn integer(&mut self, key: &str, faults: &mut Faults<'_>) -> Option<Placed<i64>> {
        let Placed { at, value } = self.number(key, faults)?;
        let Some(value) = value.as_i64() else {
            faults.add(at, format!("`{key}` has to be a whole number"));
            return None;
        };
        Some(Placed { at, value })
    }

    /// A key's list; nothing where the key is missing.
    pub fn list(&mut self, key: &str, faults: &mut Faults<'_>) -> Vec<Value<'t>> {
        self.take(key).map(|value| list(value, key, faults)).unwrap_or_default()
    }

    /// All keys that nobody took, each with the byte where it stands.
    pub fn rest(&mut self) -> impl Iterator<Item = (Placed<String>, Value<'t>)> + use<'t> {
        let entries = std::mem::take(&mut self.entries).into_iter();
        entries.map(|(key, (at, value))| (Placed { at, value: key }, value))
    }

    /// Faults for the keys that nobody took.
    pub fn finish(self, known: &[&str], faults: &mut Faults<'_>) {
        for (key, (at, _)) in self.entries {
            let known = known.join(", ");
            faults.add(at, format!("{}: `{key}` is unknown; there are {known}", self.title));
        }
    }
}

/// The entries of a value that has to be a list.
pub fn list<'t>(value: Value<'t>, key: &str, faults: &mut Faults<'_>) -> Vec<Value<'t>> {
    let at = value.span().start;
    match value.into_inner() {
        DeValue::Array(list) => list.into_iter().collect(),
        _ => {
            faults.add(at, format!("`{key}` has to be a list"));
            Vec::new()
        }
    }
}

/// A value that has to be a text that is not empty.
pub fn text(value: &Value<'_>, key: &str, faults: &mut Faults<'_>) -> Option<Placed<String>> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) if !text.trim().is_empty() => {
            Some(Placed { at, value: text.trim().to_owned() })
        }
        DeValue::String(_) => {
            faults.add(at, format!("`{key}` is empty: write a text"));
            None
        }
        _ => {
            faults.add(at, format!("`{key}` has to be a text in quotes"));
            None
        }
    }
}

/// Whether a text is a name that OpenAI's wire format takes for a function or its property.
pub fn is_identifier(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

/// What to write instead of a name that is none.
pub const IDENTIFIER: &str = "use 1 to 64 of the characters a-z, A-Z, 0-9, _ and -";

/// The value as JSON.
///
/// # Errors
/// TOML has two things more, which are faults: points in time, and numbers that are none. The byte, and what is wrong.
pub fn json(value: &Value<'_>) -> Result<serde_json::Value, (usize, String)> {
    let refused = |what: &str| Err((value.span().start, format!("{what} cannot be written as JSON")));
    Ok(match value.get_ref() {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => integer.into(),
            Err(_) => return refused("a number beyond 64 bits"),
        },
        DeValue::Float(float) => match float.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => number.into(),
            None => return refused("a number without end"),
        },
        DeValue::Datetime(_) => return refused("a point in time"),
        DeValue::Array(list) => list.iter().map(json).collect::<Result<Vec<_>, _>>()?.into(),
        DeValue::Table(table) => {
            let entry = |(key, value): (&Spanned<_>, _)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Ok((key.clone().into_owned(), json(value)?))
            };
            serde_json::Value::Object(table.iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}
