//! Reads the rules of a persona's file, and finds those that no call can meet.

use service::document::{self, Faults, IDENTIFIER, Placed, Section, Value, is_identifier, list};

use super::kind::Kind;
use super::qualification::{Condition, Qualification, Quantifier, Rule, Test, same};
use super::signal::{Declared, exact_value};

const OPERATORS: [&str; 5] = ["is", "one_of", "at_least", "at_most", "known"];

/// Reads the section `[qualification]`: the tiers, and the rules that make them.
pub(super) fn read(
    file: &mut Section<'_>,
    declared: &Declared,
    faults: &mut Faults<'_>,
) -> Option<Qualification> {
    let value = file.require("qualification", faults)?;
    let mut section = Section::of("[qualification]", value, faults)?;
    let default = read_tier(&mut section, "default", faults);
    let mut rules: Vec<Rule> = Vec::new();
    for (index, value) in section.list("rules", faults).into_iter().enumerate() {
        let at = value.span().start;
        let Some(rule) = Section::of(&format!("rule {}", index + 1), value, faults) else { continue };
        let Some(rule) = read_rule(rule, declared, faults) else { continue };
        if let Some(earlier) = rules.iter().position(|earlier| includes(earlier, &rule)) {
            faults.add(
                at,
                format!("rule {} is never reached: rule {} holds whenever it does", index + 1, earlier + 1),
            );
        }
        rules.push(rule);
    }
    section.finish(&["default", "rules"], faults);
    Some(Qualification { default: default?, rules })
}

fn read_tier(section: &mut Section<'_>, key: &str, faults: &mut Faults<'_>) -> Option<String> {
    let Placed { at, value } = section.text(key, faults)?;
    if !is_identifier(&value) {
        faults.add(at, format!("`{value}` cannot be a tier: {IDENTIFIER}"));
        return None;
    }
    Some(value)
}

fn read_rule(mut rule: Section<'_>, declared: &Declared, faults: &mut Faults<'_>) -> Option<Rule> {
    let tier = read_tier(&mut rule, "tier", faults);
    let (all, any) = (rule.take("all"), rule.take("any"));
    let (at, title) = (rule.at, rule.title.clone());
    rule.finish(&["tier", "all", "any"], faults);
    let (quantifier, key, values) = match (all, any) {
        (Some(values), None) => (Quantifier::All, "all", values),
        (None, Some(values)) => (Quantifier::Any, "any", values),
        _ => {
            faults.add(at, format!("{title}: give its conditions as either all = [...] or any = [...]"));
            return None;
        }
    };
    let values_at = values.span().start;
    let values = list(values, key, faults);
    if values.is_empty() {
        faults.add(values_at, format!("{title}: `{key}` is empty: list conditions"));
        return None;
    }
    let count = values.len();
    let conditions: Vec<_> = values
        .into_iter()
        .filter_map(|value| read_condition(&format!("a condition of {title}"), value, declared, faults))
        .collect();
    if conditions.len() < count {
        return None;
    }
    if quantifier == Quantifier::All {
        for (index, condition) in conditions.iter().enumerate() {
            let same_signal = |other: &&Condition| other.signal == condition.signal;
            let first = conditions[..index].iter().all(|other| other.signal != condition.signal);
            let tests: Vec<&Test> =
                conditions.iter().filter(same_signal).flat_map(|condition| &condition.tests).collect();
            let kind = declared.get(&condition.signal).and_then(Option::as_ref);
            // One condition alone was looked at when it was read.
            if first && tests.len() > condition.tests.len() && !possible(&tests, kind) {
                let signal = &condition.signal;
                faults.add(values_at, format!("{title}: no value of `{signal}` meets all of its conditions"));
            }
        }
    }
    Some(Rule { tier: tier?, quantifier, conditions })
}

fn read_condition(
    title: &str,
    value: Value<'_>,
    declared: &Declared,
    faults: &mut Faults<'_>,
) -> Option<Condition> {
    let mut section = Section::of(title, value, faults)?;
    let at = section.at;
    let signal = section.text("signal", faults);
    let kind = match &signal {
        None => None,
        Some(signal) => match declared.get(&signal.value) {
            Some(kind) => kind.as_ref(),
            None => {
                let names: Vec<_> = declared.keys().map(String::as_str).collect();
                let message =
                    format!("there is no signal `{}`; there are {}", signal.value, names.join(", "));
                faults.add(signal.at, message);
                None
            }
        },
    };
    let tests = read_tests(&mut section, kind, faults);
    let known: Vec<_> = ["signal"].into_iter().chain(OPERATORS).collect();
    section.finish(&known, faults);
    let tests = tests?;
    if tests.is_empty() {
        faults.add(at, format!("{title} tests nothing: add one of {}", OPERATORS.join(", ")));
        return None;
    }
    if !possible(&tests.iter().collect::<Vec<_>>(), kind) {
        faults.add(at, format!("{title} cannot hold: no value of the signal meets it"));
    }
    Some(Condition { signal: signal?.value, tests })
}

/// The tests of a condition; nothing where one of them has a fault.
fn read_tests(section: &mut Section<'_>, kind: Option<&Kind>, faults: &mut Faults<'_>) -> Option<Vec<Test>> {
    let mut tests = Vec::new();
    let mut whole = true;
    if let Some(value) = section.take("is") {
        let value = exact_value(&value, kind, faults);
        whole &= value.is_some();
        tests.extend(value.map(|value| Test::OneOf(vec![value])));
    }
    if let Some(values) = section.take("one_of") {
        let at = values.span().start;
        let values = list(values, "one_of", faults);
        let count = values.len();
        let values: Vec<_> = values.iter().filter_map(|value| exact_value(value, kind, faults)).collect();
        if count == 0 {
            faults.add(at, "`one_of` is empty: list values");
        }
        whole &= count > 0 && values.len() == count;
        tests.push(Test::OneOf(values));
    }
    for (key, test) in [("at_least", Test::AtLeast as fn(f64) -> Test), ("at_most", Test::AtMost)] {
        let Some(value) = section.take(key) else { continue };
        let at = value.span().start;
        let number = document::json(&value).ok().and_then(|value| value.as_f64());
        match (number, kind) {
            (_, Some(kind)) if !kind.is_number() => {
                let name = kind.name();
                faults.add(
                    at,
                    format!("`{key}` is for numbers, and this signal is {name}: use is, one_of or known"),
                );
                whole = false;
            }
            (Some(number), _) => tests.push(test(number)),
            (None, _) => {
                faults.add(at, format!("`{key}` has to be a number"));
                whole = false;
            }
        }
    }
    if let Some(value) = section.take("known") {
        match document::json(&value) {
            Ok(serde_json::Value::Bool(known)) => tests.push(Test::Known(known)),
            _ => {
                faults.add(value.span().start, "`known` has to be true or false");
                whole = false;
            }
        }
    }
    whole.then_some(tests)
}

/// Whether a value, or its absence, can meet all the tests.
fn possible(tests: &[&Test], kind: Option<&Kind>) -> bool {
    let absent = tests.iter().all(|test| matches!(test, Test::Known(false)));
    if absent {
        return true;
    }
    let (mut least, mut most) = kind.map_or((f64::NEG_INFINITY, f64::INFINITY), Kind::bounds);
    let mut allowed: Option<Vec<&serde_json::Value>> = None;
    for test in tests {
        match test {
            Test::Known(false) => return false,
            Test::Known(true) => {}
            Test::AtLeast(bound) => least = least.max(*bound),
            Test::AtMost(bound) => most = most.min(*bound),
            Test::OneOf(values) => {
                let both = |value: &&serde_json::Value| {
                    allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|other| same(value, other)))
                };
                allowed = Some(values.iter().filter(both).collect());
            }
        }
    }
    let in_bounds =
        |value: &serde_json::Value| value.as_f64().is_none_or(|number| (least..=most).contains(&number));
    match allowed {
        Some(allowed) => allowed.into_iter().any(in_bounds),
        None if matches!(kind, Some(Kind::Integer { .. })) => least.ceil() <= most.floor(),
        None => least <= most,
    }
}

/// Whether the earlier rule holds whenever the later one does, as far as equal conditions tell.
fn includes(earlier: &Rule, later: &Rule) -> bool {
    let among = |condition: &Condition, rule: &Rule| rule.conditions.contains(condition);
    match (earlier.quantifier, later.quantifier) {
        (Quantifier::All, Quantifier::All) => {
            earlier.conditions.iter().all(|condition| among(condition, later))
        }
        (Quantifier::Any, Quantifier::All) => {
            earlier.conditions.iter().any(|condition| among(condition, later))
        }
        (Quantifier::Any, Quantifier::Any) => {
            later.conditions.iter().all(|condition| among(condition, earlier))
        }
        (Quantifier::All, Quantifier::Any) => {
            earlier.conditions.len() == 1
                && later.conditions.iter().all(|condition| among(condition, earlier))
        }
    }
}
