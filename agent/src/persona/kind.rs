//! What values a signal can have, and how a model's spelling of one is taken.

use serde_json::{Map, Number, Value, json};

/// The values that a signal can have.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Free text of at most so many characters.
    String {
        /// Most characters that are kept.
        max_length: usize,
    },
    /// A whole number within its bounds, both included.
    Integer {
        /// The least value that is accepted, if there is one.
        minimum: Option<i64>,
        /// The greatest value that is accepted, if there is one.
        maximum: Option<i64>,
    },
    /// A number within its bounds, both included.
    Number {
        /// The least value that is accepted, if there is one.
        minimum: Option<f64>,
        /// The greatest value that is accepted, if there is one.
        maximum: Option<f64>,
    },
    /// True where the caller agrees, false where not.
    Boolean,
    /// One of the values that the file lists.
    Enum {
        /// In the order of the file; no two differ in case alone.
        values: Vec<String>,
    },
}

impl Kind {
    /// The value as it is kept: whole numbers that come as text or with a fraction of zero, text that is too long, and
    /// values of an enum in another case are put right.
    ///
    /// # Errors
    /// Why it is no such value, without the value itself.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        match self {
            Self::String { max_length } => {
                let text = value.as_str().ok_or("wanted a text")?.trim();
                let text: String = text.chars().take(*max_length).collect();
                let text = text.trim_end();
                if text.is_empty() {
                    Err("wanted a text that is not empty".to_owned())
                } else {
                    Ok(text.into())
                }
            }
            Self::Integer { minimum, maximum } => {
                let integer = whole(value).ok_or("wanted a whole number")?;
                within(&integer, minimum.as_ref(), maximum.as_ref())?;
                Ok(integer.into())
            }
            Self::Number { minimum, maximum } => {
                let number = number(value).ok_or("wanted a number")?;
                within(&number, minimum.as_ref(), maximum.as_ref())?;
                // What was a whole number stays one.
                let kept = value.as_number().cloned().or_else(|| Number::from_f64(number));
                Ok(kept.ok_or("wanted a number")?.into())
            }
            Self::Boolean => {
                let spelled = value.as_str().map(|text| text.trim().to_ascii_lowercase());
                match (value, spelled.as_deref()) {
                    (Value::Bool(truth), _) => Ok((*truth).into()),
                    (_, Some("true" | "yes")) => Ok(true.into()),
                    (_, Some("false" | "no")) => Ok(false.into()),
                    _ => Err("wanted true or false".to_owned()),
                }
            }
            Self::Enum { values } => {
                let text = value.as_str().unwrap_or_default().trim().to_lowercase();
                match values.iter().find(|value| value.to_lowercase() == text) {
                    Some(value) => Ok(value.as_str().into()),
                    None => Err(format!("wanted one of: {}", values.join(", "))),
                }
            }
        }
    }

    /// The word for it in a persona's file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::String { .. } => "string",
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
            Self::Enum { .. } => "enum",
        }
    }

    /// Whether `at_least` and `at_most` mean something.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Integer { .. } | Self::Number { .. })
    }

    /// The least and the greatest value.
    pub(super) fn bounds(&self) -> (f64, f64) {
        let (minimum, maximum) = match self {
            Self::Integer { minimum, maximum } => (minimum.map(|n| n as f64), maximum.map(|n| n as f64)),
            Self::Number { minimum, maximum } => (*minimum, *maximum),
            _ => (None, None),
        };
        (minimum.unwrap_or(f64::NEG_INFINITY), maximum.unwrap_or(f64::INFINITY))
    }

    /// JSON Schema of the values, for the model.
    pub(super) fn schema(&self) -> Map<String, Value> {
        let (schema, minimum, maximum) = match self {
            Self::String { max_length } => (json!({"type": "string", "maxLength": max_length}), None, None),
            Self::Integer { minimum, maximum } => {
                (json!({"type": "integer"}), minimum.map(Value::from), maximum.map(Value::from))
            }
            Self::Number { minimum, maximum } => {
                (json!({"type": "number"}), minimum.map(Value::from), maximum.map(Value::from))
            }
            Self::Boolean => (json!({"type": "boolean"}), None, None),
            Self::Enum { values } => (json!({"type": "string", "enum": values}), None, None),
        };
        let Value::Object(mut schema) = schema else { return Map::new() };
        schema.extend(minimum.map(|minimum| ("minimum".to_owned(), minimum)));
        schema.extend(maximum.map(|maximum| ("maximum".to_owned(), maximum)));
        schema
    }
}

/// A number, also where it is written as text.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        _ => value.as_f64()?,
    };
    number.is_finite().then_some(number)
}

/// Greatest size up to which every whole number is a double of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn whole(value: &Value) -> Option<i64> {
    let exact = match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_i64(),
    };
    let from_fraction = || number(value).filter(|number| number.fract() == 0.0 && number.abs() < EXACT);
    exact.or_else(|| from_fraction().map(|number| number as i64))
}

fn within<T: PartialOrd + std::fmt::Display>(
    value: &T,
    minimum: Option<&T>,
    maximum: Option<&T>,
) -> Result<(), String> {
    match (minimum, maximum) {
        (Some(minimum), _) if value < minimum => Err(format!("wanted at least {minimum}")),
        (_, Some(maximum)) if value > maximum => Err(format!("wanted at most {maximum}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choice() -> Kind {
        Kind::Enum { values: vec!["HubSpot".to_owned(), "none".to_owned()] }
    }

    #[test]
    fn values_are_taken_as_models_spell_them() {
        let text = Kind::String { max_length: 5 };
        let integer = Kind::Integer { minimum: Some(1), maximum: Some(1_000) };
        let number = Kind::Number { minimum: Some(0.5), maximum: None };
        for (kind, given, kept) in [
            (&text, json!("  sales teams "), json!("sales")),
            (&text, json!("ünïcödé"), json!("ünïcö")),
            (&integer, json!(12), json!(12)),
            (&integer, json!("12"), json!(12)),
            (&integer, json!(" 12 "), json!(12)),
            (&integer, json!(12.0), json!(12)),
            (&integer, json!("12.0"), json!(12)),
            (&number, json!(2), json!(2)),
            (&number, json!("2.5"), json!(2.5)),
            (&Kind::Boolean, json!(false), json!(false)),
            (&Kind::Boolean, json!("Yes"), json!(true)),
            (&choice(), json!(" hubspot"), json!("HubSpot")),
        ] {
            assert_eq!(kind.accept(&given), Ok(kept), "{kind:?} {given}");
        }
    }

    #[test]
    fn what_is_no_such_value_is_refused_without_quoting_it() {
        let text = Kind::String { max_length: 5 };
        let integer = Kind::Integer { minimum: Some(1), maximum: Some(1_000) };
        let number = Kind::Number { minimum: Some(0.5), maximum: None };
        for (kind, given, why) in [
            (&text, json!("  "), "wanted a text that is not empty"),
            (&text, json!(5), "wanted a text"),
            (&integer, json!(12.5), "wanted a whole number"),
            (&integer, json!("twelve"), "wanted a whole number"),
            (&integer, json!(true), "wanted a whole number"),
            (&integer, json!(1e300), "wanted a whole number"),
            (&integer, json!(0), "wanted at least 1"),
            (&integer, json!(1_001), "wanted at most 1000"),
            (&number, json!("NaN"), "wanted a number"),
            (&number, json!("inf"), "wanted a number"),
            (&number, json!(0.4), "wanted at least 0.5"),
            (&Kind::Boolean, json!(1), "wanted true or false"),
            (&choice(), json!("secret"), "wanted one of: HubSpot, none"),
            (&choice(), json!(["none"]), "wanted one of: HubSpot, none"),
        ] {
            assert_eq!(kind.accept(&given), Err(why.to_owned()), "{kind:?} {given}");
        }
    }

    proptest! {
        #[test]
        fn what_was_kept_is_kept_again(text in ".{0,12}", integer: i64, number: f64) {
            let kinds = [
                Kind::String { max_length: 5 },
                Kind::Integer { minimum: None, maximum: None },
                Kind::Number { minimum: None, maximum: None },
                Kind::Boolean,
                choice(),
            ];
            for kind in kinds {
                for value in [json!(text), json!(integer), json!(integer.to_string()), json!(number)] {
                    if let Ok(kept) = kind.accept(&value) {
                        prop_assert_eq!(kind.accept(&kept), Ok(kept));
                    }
                }
            }
        }
    }
}
