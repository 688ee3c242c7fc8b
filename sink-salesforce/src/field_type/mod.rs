//! What a field of the org takes, as the org describes it, and a payload's value as such a field takes it.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use schemas::json::Json;
use serde::Deserialize;
use serde_json::{Number, Value};

/// How Salesforce gives times: `2025-10-29T12:03:04.000+0000`.
const GIVEN_TIME: &str = "%Y-%m-%dT%H:%M:%S%.f%z";
const WRITTEN_TIME: &str = "%Y-%m-%dT%H:%M:%S.000Z";
/// Largest number that `double` has without a gap to the next one: beyond it, an integer would become another.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// One field in the description of an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldDescription {
    /// The API name, such as `Voice_Qualification_Tier__c`.
    pub name: String,
    /// Salesforce's name of the type, such as `string`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Longest text in UTF-16 units; 0 where it is no text.
    #[serde(default)]
    pub length: usize,
    /// Whether the user that asks may write it.
    #[serde(default)]
    pub updateable: bool,
    /// Whether it may be empty.
    #[serde(default = "yes")]
    pub nillable: bool,
    /// Whether records are found by it quickly.
    #[serde(default)]
    pub id_lookup: bool,
}

fn yes() -> bool {
    true
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A text of so many UTF-16 units.
    Text(usize),
    /// A text of several lines, of so many UTF-16 units.
    Lines(usize),
    /// Any number of values from a list, of so many UTF-16 units with the semicolons between them.
    Values(usize),
    /// A number, with or without a fraction.
    Number,
    /// A number without a fraction.
    Integer,
    Boolean,
    /// A moment, in whole seconds.
    DateTime,
    /// A day, without a time.
    Date,
}

impl FieldDescription {
    /// What it takes; `None` for what no payload has a value for, such as a reference to another record.
    pub fn field_type(&self) -> Option<FieldType> {
        Some(match self.kind.as_str() {
            "string" | "picklist" | "combobox" | "phone" | "url" | "email" | "encryptedstring" => {
                FieldType::Text(self.length)
            }
            "textarea" => FieldType::Lines(self.length),
            "multipicklist" => FieldType::Values(self.length),
            "double" | "currency" | "percent" => FieldType::Number,
            "int" | "long" => FieldType::Integer,
            "boolean" => FieldType::Boolean,
            "datetime" => FieldType::DateTime,
            "date" => FieldType::Date,
            _ => return None,
        })
    }
}

/// What a payload's value is for a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// The value as it is written.
    Value(Value),
    /// An empty text or an empty list: there is no value.
    Nothing,
    /// There is a value, and the field cannot take it.
    Unfit,
}

impl FieldType {
    /// The value as it is written.
    pub fn fit(self, value: Json<'_>) -> Fit {
        if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
            return Fit::Nothing;
        }
        let of_text =
            |text: Option<String>| text.map_or(Fit::Nothing, |text| Fit::Value(Value::String(text)));
        let fitting = match self {
            Self::Text(length) => return of_text(text(&as_text(value), length)),
            Self::Lines(length) => return of_text(lines(&as_text(value), length)),
            Self::Values(length) if value.is_array() => {
                let values = value.elements().filter(|value| !value.is_null()).map(as_text);
                return of_text(text(&values.collect::<Vec<_>>().join(";"), length));
            }
            Self::Values(length) => return of_text(text(&as_text(value), length)),
            Self::Number => number(value).and_then(Number::from_f64).map(Value::Number),
            Self::Integer => whole(value).map(Value::from),
            Self::Boolean => match value.as_str() {
                Some(text) => text.trim().to_ascii_lowercase().parse().ok().map(Value::Bool),
                None => value.as_bool().map(Value::Bool),
            },
            Self::DateTime => {
                value.as_str().and_then(|text| moment(&text)).map(written_time).map(Value::String)
            }
            Self::Date => {
                value.as_str().and_then(|text| day(&text)).map(|day| Value::String(day.to_string()))
            }
        };
        fitting.map_or(Fit::Unfit, Fit::Value)
    }

    /// Whether a record has the value already; both without a value are the same.
    pub fn is_same(self, written: &Value, current: &Value) -> bool {
        match self {
            Self::DateTime => {
                let moments = [written, current].map(|value| value.as_str().and_then(moment));
                moments[0] == moments[1] && written.is_null() == current.is_null()
            }
            Self::Number | Self::Integer => written.as_f64() == current.as_f64(),
            Self::Text(_) | Self::Values(_) | Self::Boolean | Self::Date => written == current,
            // Salesforce ends lines in its own way.
            Self::Lines(_) => {
                let lines = |value: &Value| value.as_str().map(|text| text.replace("\r\n", "\n"));
                lines(written) == lines(current)
            }
        }
    }
}

/// A moment as it is written.
pub fn written_time(time: DateTime<Utc>) -> String {
    time.format(WRITTEN_TIME).to_string()
}

/// A moment in whole seconds: Salesforce keeps no more. It is read as payloads have it and as Salesforce gives it.
pub fn moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let time =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, GIVEN_TIME)).ok()?;
    Some(time.with_timezone(&Utc).trunc_subsecs(0))
}

/// A text as Salesforce keeps it: without white space around it and control characters within, cut to the field's length;
/// nothing where nothing is left.
pub fn text(text: &str, longest: usize) -> Option<String> {
    cut(text, longest, char::is_control)
}

/// As [`text`], with its ends of lines and tabs.
fn lines(text: &str, longest: usize) -> Option<String> {
    cut(text, longest, |character| character.is_control() && !"\n\r\t".contains(character))
}

fn cut(text: &str, longest: usize, is_refused: impl Fn(char) -> bool) -> Option<String> {
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= longest
    };
    let plain = |character| if is_refused(character) { char::REPLACEMENT_CHARACTER } else { character };
    let text: String = text.trim().chars().map(plain).take_while(fits).collect();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A text as it is, numbers and truths as text, and lists and objects as JSON.
fn as_text(value: Json<'_>) -> Cow<'_, str> {
    value.as_str().unwrap_or_else(|| value.compact())
}

fn number(value: Json<'_>) -> Option<f64> {
    let of_text = |text: Cow<'_, str>| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    value.as_str().map_or_else(|| value.as_f64(), of_text)
}

/// A number without a fraction: exact where it is written so, else only as far as each has a number of its own.
fn whole(value: Json<'_>) -> Option<i64> {
    let exact = value.as_str().map_or_else(|| value.as_i64(), |text| text.trim().parse().ok());
    exact.or_else(|| {
        let number = number(value).filter(|number| number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE)?;
        // No fraction and not too large, so `as` changes nothing.
        Some(number as i64)
    })
}

fn day(text: &str) -> Option<NaiveDate> {
    text.trim().parse().ok().or_else(|| Some(moment(text)?.date_naive()))
}
