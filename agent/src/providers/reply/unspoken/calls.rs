//! Calls of tools that a model wrote as text.

use serde_json::Value;

use super::pythonic;
use super::tokens::find_token;

/// Most brackets at which a value may begin that are looked at.
const MOST_VALUES: usize = 64;

/// The calls of known tools in a text, with their arguments as JSON; none where it is anything else.
pub(super) fn read(text: &str, tools: &[String]) -> Vec<(String, String)> {
    let text = text.trim();
    if let Some(call) = named_by_tag(text) {
        return known(call, tools).into_iter().collect();
    }
    // What stands in front is the language of code between fences.
    let code = text.split_once('\n').map(|(_, code)| code);
    if let Some(calls) = [Some(text), code].into_iter().flatten().find_map(|text| pythonic(text, tools)) {
        return calls;
    }
    values(text)
        .flat_map(|(before, value)| {
            let values = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            let read = move |value: Value| {
                known(call(value.clone()).or_else(|| named_before(before, value, tools))?, tools)
            };
            values.into_iter().filter_map(read)
        })
        .collect()
}

/// The calls in a text that is of Python's form: all of them, or none, because a program is not run in parts.
pub(super) fn pythonic(text: &str, tools: &[String]) -> Option<Vec<(String, String)>> {
    let calls = pythonic::read(text)?.into_iter().map(|call| known(call, tools));
    Some(calls.collect::<Option<_>>().unwrap_or_default())
}

/// The call of a tool that is named beside its arguments.
pub(super) fn to(tool: &str, arguments: &str, tools: &[String]) -> Option<(String, String)> {
    // Half a token may stand behind it.
    let arguments: Value = serde_json::Deserializer::from_str(arguments).into_iter().next()?.ok()?;
    arguments.is_object().then(|| known((tool.to_owned(), arguments), tools))?
}

/// The objects and lists in a text, each with what stands before it.
fn values(text: &str) -> impl Iterator<Item = (&str, Value)> {
    let (mut rest, mut tried) = (text, 0);
    std::iter::from_fn(move || {
        let mut from = 0;
        while let Some(start) = rest[from..].find(['{', '[']).map(|start| from + start) {
            let mut values = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<Value>();
            tried += 1;
            match values.next() {
                Some(Ok(value)) => {
                    let before = &rest[..start];
                    rest = &rest[start + values.byte_offset()..];
                    return Some((before, value));
                }
                // A mark such as `[ARGS]`; within half an object nothing is meant as a call.
                _ if rest[start..].starts_with('[') && tried < MOST_VALUES => from = start + 1,
                _ => return None,
            }
        }
        None
    })
}

/// A call whose name stands before its arguments, between control tokens or marks.
fn named_before(before: &str, arguments: Value, tools: &[String]) -> Option<(String, Value)> {
    let has_mark = find_token(before).is_some() || before.contains("[ARGS]") || before.contains("call:");
    if !has_mark || before.contains(['{', '"']) || !arguments.is_object() {
        return None;
    }
    let in_name = |character: char| character.is_alphanumeric() || "_-".contains(character);
    let name =
        before.split(|character| !in_name(character)).rfind(|word| tools.iter().any(|tool| tool == word))?;
    Some((name.to_owned(), arguments))
}

/// `name>{…}`, as it stands behind `<function=`.
fn named_by_tag(text: &str) -> Option<(String, Value)> {
    let (name, arguments) = text.split_once('>')?;
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    let is_name = !name.is_empty() && name.chars().all(plain);
    is_name.then(|| (name.to_owned(), serde_json::from_str(arguments.trim()).unwrap_or(Value::Null)))
}

/// A call in one of the usual forms.
fn call(mut value: Value) -> Option<(String, Value)> {
    let object = value.as_object_mut()?;
    if let Some(function) = object.get_mut("function").filter(|function| function.is_object()) {
        return call(function.take());
    }
    let name =
        ["name", "tool", "function"].iter().find_map(|name| Some(object.get(*name)?.as_str()?.to_owned()))?;
    let arguments = ["arguments", "parameters", "args"].iter().find_map(|name| object.remove(*name));
    Some((name, arguments.unwrap_or(Value::Null)))
}

fn known((name, arguments): (String, Value), tools: &[String]) -> Option<(String, String)> {
    let arguments = match arguments {
        Value::Null => "{}".to_owned(),
        Value::String(arguments) => arguments,
        arguments => arguments.to_string(),
    };
    tools.contains(&name).then_some((name, arguments))
}
