//! JSON as RFC 8259 has it, read in place. A payload may hold what others cannot hold: numbers beyond all limits, halves of
//! surrogate pairs, a name given twice, any depth. All of that is valid, so nothing of it keeps the rest from being read, and
//! every reader of a payload gives the same answer because all of them read it here.

mod grammar;
mod string;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Number, Value};

use grammar::{check, skip_string, skip_value, skip_white_space};

/// Nesting that every reader of JSON can hold.
pub const USUAL_DEPTH: usize = 64;

/// A JSON value: the piece of a checked text that it is. `Debug` does not show it, because payloads are never logged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// Why bytes are no JSON. The messages hold positions, never content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJson {
    /// RFC 8259 has no other encoding.
    #[error("not text in UTF-8 at line {line}, column {column}")]
    NotUtf8 {
        /// From 1.
        line: usize,
        /// Byte of the line, from 1.
        column: usize,
    },
    /// A byte order mark, which RFC 8259 forbids.
    #[error("not valid JSON: it begins with a byte order mark at line 1, column 1")]
    ByteOrderMark,
    /// A byte that the grammar has no place for.
    #[error("not valid JSON at line {line}, column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// Byte of the line, from 1.
        column: usize,
    },
    /// The text breaks off, or there is none.
    #[error("the JSON ends too early at line {line}, column {column}")]
    Incomplete {
        /// From 1.
        line: usize,
        /// The last byte of the line, from 1; 0 of an empty one.
        column: usize,
    },
}

impl<'a> Json<'a> {
    /// Checks all of a text, once: no later step can fail.
    ///
    /// # Errors
    /// The bytes are not UTF-8, or not JSON.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, InvalidJson> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let (line, column) = position(bytes, error.valid_up_to());
            InvalidJson::NotUtf8 { line, column: column + 1 }
        })?;
        if text.starts_with('\u{feff}') {
            return Err(InvalidJson::ByteOrderMark);
        }
        check(bytes).map_err(|at| {
            let (line, column) = position(bytes, at);
            match at < bytes.len() {
                true => InvalidJson::Syntax { line, column: column + 1 },
                false => InvalidJson::Incomplete { line, column },
            }
        })?;
        Ok(Self(text.trim_matches([' ', '\t', '\n', '\r'])))
    }

    /// The value as it stands in the text.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Whether it is a number, of whatever size.
    pub fn is_number(self) -> bool {
        self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit())
    }

    /// A string's text, with U+FFFD for each half of a surrogate pair.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.0.strip_prefix('"')?.strip_suffix('"').map(string::unescape)
    }

    /// True or false.
    pub fn as_bool(self) -> Option<bool> {
        self.0.parse().ok()
    }

    /// The nearest number that `f64` has; `None` of one beyond its range.
    pub fn as_f64(self) -> Option<f64> {
        let number: f64 = self.is_number().then(|| self.0.parse().ok())??;
        number.is_finite().then_some(number)
    }

    /// An integer, also where it is written as 12.0 or 1.2e1.
    pub fn as_i64(self) -> Option<i64> {
        if let Ok(integer) = self.0.parse() {
            return Some(integer);
        }
        let number = self.as_f64()?;
        // Up to here every integer has a number of its own.
        (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
    }

    /// An object's value of a name; the last one where there are several.
    pub fn get(self, name: &str) -> Option<Json<'a>> {
        self.entries().filter(|(found, _)| found == name).last().map(|(_, value)| value)
    }

    /// The value that a JSON pointer (RFC 6901) leads to.
    pub fn pointer(self, pointer: &str) -> Option<Json<'a>> {
        let mut steps = pointer.split('/');
        if steps.next() != Some("") {
            return None;
        }
        steps.try_fold(self, |value, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            if !value.is_array() {
                return value.get(&step);
            }
            let is_index =
                step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
            is_index.then(|| value.elements().nth(step.parse().ok()?))?
        })
    }

    /// An object's values by their names, the last one of each; `None` of anything else.
    pub fn members(self) -> Option<BTreeMap<Cow<'a, str>, Json<'a>>> {
        self.is_object().then(|| self.entries().collect())
    }

    /// The elements of an array, in order; none of anything else.
    pub fn elements(self) -> impl Iterator<Item = Json<'a>> {
        let mut at = if self.is_array() { 1 } else { self.0.len() };
        std::iter::from_fn(move || {
            let (element, next) = self.value_at(self.next_item(at)?);
            at = next;
            Some(element)
        })
    }

    /// The value without white space between its parts.
    pub fn compact(self) -> Cow<'a, str> {
        let text = self.0.as_bytes();
        let (mut compact, mut at, mut copied) = (String::new(), 0, 0);
        while let Some(byte) = text.get(at) {
            match byte {
                b'"' => at = skip_string(text, at),
                b' ' | b'\t' | b'\n' | b'\r' => {
                    compact.push_str(&self.0[copied..at]);
                    at = skip_white_space(text, at);
                    copied = at;
                }
                _ => at += 1,
            }
        }
        if copied == 0 {
            return Cow::Borrowed(self.0);
        }
        compact.push_str(&self.0[copied..]);
        Cow::Owned(compact)
    }

    /// A value that every reader can hold: what is nested deeper than `depth`, and a number that `f64` does not have, become
    /// the text that they are.
    pub fn to_value(self, depth: usize) -> Value {
        let as_text = || Value::String(self.compact().into_owned());
        match self.0.as_bytes().first() {
            Some(b'{' | b'[') if depth == 0 => as_text(),
            Some(b'{') => {
                let members =
                    self.entries().map(|(name, value)| (name.into_owned(), value.to_value(depth - 1)));
                Value::Object(members.collect::<Map<_, _>>())
            }
            Some(b'[') => Value::Array(self.elements().map(|element| element.to_value(depth - 1)).collect()),
            Some(b'"') => Value::String(self.as_str().unwrap_or_default().into_owned()),
            Some(b't' | b'f') => Value::Bool(self.0 == "true"),
            Some(b'n') => Value::Null,
            _ => self.to_number().map_or_else(as_text, Value::Number),
        }
    }

    fn to_number(self) -> Option<Number> {
        let integer = self.0.parse::<i64>().ok().filter(|_| self.0 != "-0").map(Number::from);
        let integer = integer.or_else(|| self.0.parse::<u64>().ok().map(Number::from));
        integer.or_else(|| Number::from_f64(self.as_f64()?))
    }

    /// An object's names and values in order, with all that are given twice; none of anything else.
    pub fn entries(self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        let text = self.0.as_bytes();
        let mut at = if self.is_object() { 1 } else { self.0.len() };
        std::iter::from_fn(move || {
            let name = self.next_item(at)?;
            let end = skip_string(text, name);
            let colon = skip_white_space(text, end);
            let (value, next) = self.value_at(skip_white_space(text, colon + 1));
            at = next;
            Some((string::unescape(self.0.get(name + 1..end - 1)?), value))
        })
    }

    /// Where the next name or element begins; `None` at the end.
    fn next_item(self, at: usize) -> Option<usize> {
        let text = self.0.as_bytes();
        let mut at = skip_white_space(text, at);
        if text.get(at) == Some(&b',') {
            at = skip_white_space(text, at + 1);
        }
        (at + 1 < text.len()).then_some(at)
    }

    /// The value that begins here, and where it ends.
    fn value_at(self, at: usize) -> (Json<'a>, usize) {
        let end = skip_value(self.0.as_bytes(), at);
        (Json(&self.0[at..end]), end)
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Json({} bytes)", self.0.len())
    }
}

/// Line, from 1, and bytes before it within the line.
fn position(text: &[u8], at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    (line, before.iter().rev().take_while(|byte| **byte != b'\n').count())
}

#[cfg(test)]
mod tests;
