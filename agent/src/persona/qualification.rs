//! The rules that make a tier of what was discovered.

use serde_json::{Map, Value};

/// Rules in their order, and the tier where none holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Qualification {
    pub(super) default: String,
    pub(super) rules: Vec<Rule>,
}

/// A tier and what makes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) tier: String,
    pub(super) quantifier: Quantifier,
    pub(super) conditions: Vec<Condition>,
}

/// How many conditions of a rule have to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Any,
}

/// What has to be so of one signal; all of its tests have to hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) signal: String,
    pub(super) tests: Vec<Test>,
}

/// One test of a signal's value. Without a value, none holds but `Known(false)`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    OneOf(Vec<Value>),
    AtLeast(f64),
    AtMost(f64),
    Known(bool),
}

impl Qualification {
    /// The tier of these signals: that of the first rule that holds.
    pub(super) fn tier(&self, signals: &Map<String, Value>) -> &str {
        let rule = self.rules.iter().find(|rule| rule.holds(signals));
        rule.map_or(&self.default, |rule| &rule.tier)
    }

    /// The tiers in the order of the file, each once, the default last.
    pub fn tiers(&self) -> Vec<&str> {
        let mut tiers = Vec::new();
        for tier in self.rules.iter().map(|rule| &rule.tier).chain([&self.default]) {
            if !tiers.contains(&tier.as_str()) {
                tiers.push(tier);
            }
        }
        tiers
    }

    /// How many rules there are.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }
}

impl Rule {
    fn holds(&self, signals: &Map<String, Value>) -> bool {
        let mut conditions = self.conditions.iter();
        match self.quantifier {
            Quantifier::All => conditions.all(|condition| condition.holds(signals)),
            Quantifier::Any => conditions.any(|condition| condition.holds(signals)),
        }
    }
}

impl Condition {
    fn holds(&self, signals: &Map<String, Value>) -> bool {
        let value = signals.get(&self.signal).filter(|value| !value.is_null());
        self.tests.iter().all(|test| test.holds(value))
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Known(known), value) => *known == value.is_some(),
            (_, None) => false,
            (Self::OneOf(values), Some(value)) => values.iter().any(|other| same(value, other)),
            (Self::AtLeast(least), Some(value)) => value.as_f64().is_some_and(|value| value >= *least),
            (Self::AtMost(most), Some(value)) => value.as_f64().is_some_and(|value| value <= *most),
        }
    }
}

/// Whether two values mean the same: 12 and 12.0 do, and so do texts that differ in case alone.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.to_lowercase() == right.to_lowercase(),
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}
