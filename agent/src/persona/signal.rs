//! The signals that a conversation is to discover.

use std::collections::BTreeMap;

use serde_json::{Number, Value};
use service::document::{self, Faults, IDENTIFIER, Placed, Section, is_identifier, json, list};

use super::kind::Kind;

/// Names that a signal cannot have: the tier is computed, never discovered.
pub(super) const RESERVED: [&str; 1] = ["qualification_tier"];

/// Characters of a free text, where a signal has no limit of its own.
const MAX_LENGTH: usize = 200;
/// Most characters of a free text.
const LONGEST: i64 = 2_000;

const TYPES: [&str; 5] = ["string", "integer", "number", "boolean", "enum"];

const KEYS: [&str; 8] =
    ["name", "type", "question", "minimum", "maximum", "values", "max_length", "examples"];

/// Something that sales wants to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) question: String,
    pub(super) examples: Vec<Example>,
}

/// What a caller may say, and the value that it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    pub(super) says: String,
    pub(super) value: Value,
}

impl Signal {
    /// Its name in `discovered_signals`, an identifier of 64 characters at most.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values that the signal can have.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// How the agent asks for it.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// What callers may answer, with the values that are meant.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }
}

impl Example {
    /// Words of a caller's, as they are transcribed.
    pub fn says(&self) -> &str {
        &self.says
    }

    /// A value of the signal.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// What is known of the names in a file; nothing where the signal itself has a fault.
pub(super) type Declared = BTreeMap<String, Option<Kind>>;

/// Reads the signals; those with faults are left out, and are among the declared ones nevertheless.
pub(super) fn read(file: &mut Section<'_>, faults: &mut Faults<'_>) -> (Vec<Signal>, Declared) {
    let mut signals = Vec::new();
    let mut declared = Declared::new();
    let values = file.list("signals", faults);
    if values.is_empty() {
        faults.add(file.at, "there is no signal: add one with [[signals]]");
    }
    for (index, value) in values.into_iter().enumerate() {
        let Some(mut section) = Section::of(&format!("signal {}", index + 1), value, faults) else {
            continue;
        };
        let name = read_name(&mut section, &declared, faults);
        let kind = read_kind(&mut section, faults);
        let question = section.text("question", faults);
        let examples = read_examples(&mut section, kind.as_ref(), faults);
        section.finish(&KEYS, faults);
        let Some(name) = name else { continue };
        declared.insert(name.clone(), kind.clone());
        if let (Some(kind), Some(question)) = (kind, question) {
            signals.push(Signal { name, kind, question: question.value, examples });
        }
    }
    (signals, declared)
}

fn read_name(section: &mut Section<'_>, declared: &Declared, faults: &mut Faults<'_>) -> Option<String> {
    let Placed { at, value: name } = section.text("name", faults)?;
    section.title = format!("signal `{name}`");
    if !is_identifier(&name) {
        faults.add(at, format!("`{name}` cannot be a signal's name: {IDENTIFIER}"));
    } else if RESERVED.contains(&name.as_str()) {
        faults.add(at, format!("`{name}` is computed by the rules of [qualification]: take another name"));
    } else if declared.contains_key(&name) {
        faults.add(at, format!("there is another signal `{name}`: names have to differ"));
    }
    Some(name)
}

fn read_kind(section: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<Kind> {
    let kind = section.text("type", faults);
    let bounds = (section.number("minimum", faults), section.number("maximum", faults));
    let max_length = section.integer("max_length", faults);
    let values = section.take("values");
    let Placed { at, value: kind } = kind?;
    if !TYPES.contains(&kind.as_str()) {
        faults.add(at, format!("`type` has to be one of: {}", TYPES.join(", ")));
        return None;
    }

    let mut refuse = |at: Option<usize>, key: &str, types: &str| {
        if let Some(at) = at {
            faults.add(at, format!("`{key}` is for the type {types}, and this one is {kind}: remove it"));
        }
    };
    if !["integer", "number"].contains(&kind.as_str()) {
        refuse(bounds.0.as_ref().map(|bound| bound.at), "minimum", "integer or number");
        refuse(bounds.1.as_ref().map(|bound| bound.at), "maximum", "integer or number");
    }
    if kind != "string" {
        refuse(max_length.as_ref().map(|length| length.at), "max_length", "string");
    }
    if kind != "enum" {
        refuse(values.as_ref().map(|values| values.span().start), "values", "enum");
    }

    match kind.as_str() {
        "string" => read_length(max_length, faults).map(|max_length| Kind::String { max_length }),
        "integer" => {
            let (minimum, maximum) = read_bounds(bounds, Number::as_i64, "a whole number", faults)?;
            Some(Kind::Integer { minimum, maximum })
        }
        "number" => {
            let (minimum, maximum) = read_bounds(bounds, Number::as_f64, "a number", faults)?;
            Some(Kind::Number { minimum, maximum })
        }
        "boolean" => Some(Kind::Boolean),
        _ => read_values(section, values, faults).map(|values| Kind::Enum { values }),
    }
}

fn read_length(length: Option<Placed<i64>>, faults: &mut Faults<'_>) -> Option<usize> {
    match length {
        None => Some(MAX_LENGTH),
        Some(length) if (1..=LONGEST).contains(&length.value) => usize::try_from(length.value).ok(),
        Some(length) => {
            faults.add(length.at, format!("`max_length` has to be 1 to {LONGEST} characters"));
            None
        }
    }
}

/// A least and a greatest number, each where it is given.
type Bounds<T> = (Option<T>, Option<T>);

fn read_bounds<T: PartialOrd>(
    (minimum, maximum): Bounds<Placed<Number>>,
    convert: fn(&Number) -> Option<T>,
    wanted: &str,
    faults: &mut Faults<'_>,
) -> Option<Bounds<T>> {
    let at = maximum.as_ref().map_or(0, |maximum| maximum.at);
    let mut read = |bound: Option<Placed<Number>>, key: &str| {
        let Some(bound) = bound else { return Some(None) };
        let number = convert(&bound.value);
        if number.is_none() {
            faults.add(bound.at, format!("`{key}` has to be {wanted}"));
        }
        number.map(Some)
    };
    let (minimum, maximum) = (read(minimum, "minimum"), read(maximum, "maximum"));
    let (minimum, maximum) = (minimum?, maximum?);
    if minimum.as_ref().zip(maximum.as_ref()).is_some_and(|(minimum, maximum)| minimum > maximum) {
        faults.add(at, "`maximum` is below `minimum`: no value fits");
        return None;
    }
    Some((minimum, maximum))
}

fn read_values(
    section: &mut Section<'_>,
    values: Option<document::Value<'_>>,
    faults: &mut Faults<'_>,
) -> Option<Vec<String>> {
    let Some(values) = values else {
        faults.add(section.at, format!("{}: `values` is missing: list what the enum can be", section.title));
        return None;
    };
    let at = values.span().start;
    let mut read: Vec<String> = Vec::new();
    for value in list(values, "values", faults) {
        let Placed { at, value } = document::text(&value, "values", faults)?;
        if read.iter().any(|other| other.to_lowercase() == value.to_lowercase()) {
            faults.add(at, format!("`{value}` is listed twice; upper and lower case are the same"));
            return None;
        }
        read.push(value);
    }
    if read.is_empty() {
        faults.add(at, "`values` is empty: list what the enum can be");
        return None;
    }
    Some(read)
}

fn read_examples(section: &mut Section<'_>, kind: Option<&Kind>, faults: &mut Faults<'_>) -> Vec<Example> {
    let mut examples = Vec::new();
    for value in section.list("examples", faults) {
        let title = format!("an example of {}", section.title);
        let Some(mut example) = Section::of(&title, value, faults) else { continue };
        let says = example.text("says", faults);
        let value = example.require("value", faults);
        example.finish(&["says", "value"], faults);
        let (Some(says), Some(value)) = (says, value) else { continue };
        if let Some(value) = exact_value(&value, kind, faults) {
            examples.push(Example { says: says.value, value });
        }
    }
    examples
}

/// A value of a file, which has to be exactly one of the signal's.
pub(super) fn exact_value(
    value: &document::Value<'_>,
    kind: Option<&Kind>,
    faults: &mut Faults<'_>,
) -> Option<Value> {
    let at = value.span().start;
    let value = match json(value) {
        Ok(value) => value,
        Err((at, why)) => {
            faults.add(at, why);
            return None;
        }
    };
    let why = match kind.map(|kind| (kind, kind.accept(&value))) {
        None => return Some(value),
        Some((_, Ok(kept))) if kept == value => return Some(value),
        Some((_, Ok(kept))) => format!("write it as {kept}"),
        Some((_, Err(why))) => why,
    };
    faults.add(at, format!("this is no value of the signal: {why}"));
    None
}
