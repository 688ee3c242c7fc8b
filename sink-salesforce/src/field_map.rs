//! Which parts of a payload go into which fields of a record: a file of the operator's, or [`DEFAULT`].

use std::collections::HashSet;
use std::fmt;

use schemas::json::Json;
use serde::Deserialize;
use toml::Spanned;

/// The map that ships: the fields that the metadata in `deploy/salesforce` creates.
pub const DEFAULT: &str = include_str!("../fields.toml");

/// Longest name of a field: 40 characters and the suffix `__c`, a namespace of 15 and its `__` before them.
const LONGEST_NAME: usize = 60;
/// Suffix of a field that the org has added.
const CUSTOM: &str = "__c";
/// What a look-up needs for itself, or nobody may write.
const RESERVED: [&str; 6] =
    ["Id", "Email", "IsConverted", "ConvertedContactId", "CreatedDate", "LastModifiedDate"];

/// A map without faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMap {
    /// The field that has the end of the last session, in whole seconds.
    pub ended: FieldName,
    /// The field that has the id of the last session.
    pub session: FieldName,
    /// The other fields, each with where its value is.
    pub others: Vec<Mapped>,
}

/// One field and where in a payload its value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The field that is written.
    pub name: FieldName,
    /// Where in a payload its value is, a JSON pointer (RFC 6901).
    pub from: String,
    /// What is written where the payload has no value there.
    pub absent: Absent,
}

/// What is written where there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Absent {
    /// Nothing: the field stays as it is.
    Omit,
    /// Null: the field becomes empty.
    Null,
}

/// API name of a field: letters, digits and underscores, so that it can stand in a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldName(String);

/// A mistake in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is, from 1.
    pub line: usize,
    /// What it is, and what is wanted.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    ended: Spanned<String>,
    session: Spanned<String>,
    #[serde(default)]
    field: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    from: Spanned<String>,
    absent: Absent,
}

impl FieldMap {
    /// Reads a map.
    ///
    /// # Errors
    /// All faults of the file, in the order of their lines; where it is no such TOML, the first one alone.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            vec![Fault { line: line_of(text, at), message: error.message().to_owned() }]
        })?;
        let mut reader = Reader { text, known: HashSet::new(), faults: Vec::new() };
        let map = Self {
            ended: reader.name(&document.ended),
            session: reader.name(&document.session),
            others: document.field.iter().map(|entry| reader.mapped(entry)).collect(),
        };
        reader.faults.sort_by_key(|fault| fault.line);
        if reader.faults.is_empty() { Ok(map) } else { Err(reader.faults) }
    }

    /// The same for the accounts that are persons: they have a Contact's fields under names of their own.
    pub fn of_persons(&self) -> Self {
        let of_persons = |name: &FieldName| FieldName(person_field(name.as_str()));
        let others =
            self.others.iter().map(|mapped| Mapped { name: of_persons(&mapped.name), ..mapped.clone() });
        Self { ended: of_persons(&self.ended), session: of_persons(&self.session), others: others.collect() }
    }

    /// All fields, those that order the sessions first.
    pub fn names(&self) -> impl Iterator<Item = &FieldName> {
        [&self.ended, &self.session].into_iter().chain(self.others.iter().map(|mapped| &mapped.name))
    }
}

/// The name that a Contact's field has on an account that is a person.
pub(crate) fn person_field(name: &str) -> String {
    match name.strip_suffix(CUSTOM) {
        Some(stem) => format!("{stem}__pc"),
        None => format!("Person{name}"),
    }
}

impl Mapped {
    /// The payload's value; a null is none.
    pub fn value<'a>(&self, payload: Json<'a>) -> Option<Json<'a>> {
        payload.pointer(&self.from).filter(|value| !value.is_null())
    }
}

impl FieldName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.message)
    }
}

/// Reads entries and gathers their faults.
struct Reader<'a> {
    text: &'a str,
    /// Names so far, in lower case: Salesforce does not tell `a__c` from `A__c`.
    known: HashSet<String>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn name(&mut self, name: &Spanned<String>) -> FieldName {
        let text = name.get_ref();
        let mut bytes = text.bytes();
        let plain = bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain || text.len() > LONGEST_NAME {
            self.fault(name, format!("«{text}» is no API name of a field, such as Voice_Calls__c"));
        } else if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(text)) {
            self.fault(name, format!("{text} is not to be written: name a field of your own"));
        } else if !self.known.insert(text.to_ascii_lowercase()) {
            self.fault(name, format!("{text} is named twice"));
        }
        FieldName(text.clone())
    }

    fn mapped(&mut self, entry: &Entry) -> Mapped {
        let from = entry.from.get_ref();
        let escaped = from.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !from.starts_with('/') || !escaped {
            let message = format!("«{from}» is no JSON pointer, such as /discovered_signals/team_size");
            self.fault(&entry.from, message);
        }
        Mapped { name: self.name(&entry.name), from: from.clone(), absent: entry.absent }
    }

    fn fault(&mut self, at: &Spanned<String>, message: String) {
        self.faults.push(Fault { line: line_of(self.text, at.span().start), message });
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{self, FIELD_MAP};

    fn faults(text: &str) -> Vec<String> {
        FieldMap::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_ships_has_no_fault() {
        assert!(FieldMap::parse(DEFAULT).is_ok());
    }

    #[test]
    fn a_value_is_where_its_pointer_says() {
        let map = example::field_map();
        let names: Vec<_> = map.names().map(FieldName::as_str).collect();
        assert_eq!(names, ["Ended__c", "Session__c", "Tier__c", "Team_Size__c"]);
        let value = |tier: &str| {
            let payload = format!(r#"{{"signals":{{"tier":{tier}}}}}"#);
            let payload = Json::parse(payload.as_bytes()).unwrap();
            map.others[0].value(payload).and_then(Json::as_str).map(|text| text.into_owned())
        };
        assert_eq!(value(r#""hot""#).as_deref(), Some("hot"));
        assert_eq!(value(r#""cold","tier":"hot""#).as_deref(), Some("hot"), "the last one counts");
        assert_eq!(value("null"), None);
        assert_eq!(
            [&map.others[0], &map.others[1]].map(|mapped| mapped.absent),
            [Absent::Omit, Absent::Null]
        );
    }

    #[test]
    fn persons_have_names_of_their_own() {
        let map = FieldMap::parse(&FIELD_MAP.replace("Tier__c", "Title")).unwrap().of_persons();
        let names: Vec<_> = map.names().map(FieldName::as_str).collect();
        assert_eq!(names, ["Ended__pc", "Session__pc", "PersonTitle", "Team_Size__pc"]);
    }

    #[test]
    fn all_faults_are_found_with_their_lines() {
        let text = "ended = \"A__c\"\nsession = \"a__C\"\n\n[[field]]\nname = \"x' OR Name != '\"\nfrom = \"team\"\n\
            absent = \"null\"\n[[field]]\nname = \"email\"\nfrom = \"/a~2\"\nabsent = \"omit\"\n";
        insta::assert_snapshot!(faults(text).join("\n"), @r"
        line 2: a__C is named twice
        line 5: «x' OR Name != '» is no API name of a field, such as Voice_Calls__c
        line 6: «team» is no JSON pointer, such as /discovered_signals/team_size
        line 9: email is not to be written: name a field of your own
        line 10: «/a~2» is no JSON pointer, such as /discovered_signals/team_size
        ");
    }

    #[test]
    fn what_is_no_map_is_a_fault_with_its_line() {
        assert!(faults("ended = 1").concat().starts_with("line 1: "));
        assert!(faults(&FIELD_MAP.replace("absent", "abscent")).concat().contains("abscent"));
        assert!(faults("ended = \"A__c\"").concat().contains("session"));
    }
}
