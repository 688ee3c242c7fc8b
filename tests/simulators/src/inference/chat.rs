//! What the gateway's models have that others do not: parameters that they refuse, and calls of tools that they sign.

use serde_json::{Map, Value, json};

/// What OpenAI's models refuse while they reason.
const OF_REASONING: [&str; 7] = [
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
];
/// What is refused besides: until the fifth generation, and by the sixth.
const UNTIL_THE_FIFTH: &str = "n";
const OF_THE_SIXTH: &str = "stop";
/// What later models of the fifth generation take again where they do not reason.
const OF_SAMPLING: [&str; 2] = ["temperature", "top_p"];

/// The first of a request's options that its model refuses. The gateway's names have the provider before the model's.
pub(crate) fn refused_option(
    model: &str,
    options: &Map<String, Value>,
    has_tools: bool,
) -> Option<&'static str> {
    let model = model.strip_prefix("openai/")?;
    let begins = |names: &[&str]| names.iter().any(|name| model.starts_with(name));
    let effort = options.get("reasoning_effort").and_then(Value::as_str);
    if begins(&["gpt-5.2", "gpt-5.4"]) && has_tools && effort.is_some() {
        return Some("reasoning_effort");
    }
    let idle = effort == Some("none");
    let given = |name: &&&'static str| options.get(**name).is_some_and(|value| !value.is_null());
    if begins(&["gpt-6"]) {
        return OF_REASONING.iter().chain([&OF_THE_SIXTH]).find(given).filter(|_| !idle).copied();
    }
    if !begins(&["gpt-5", "o1", "o3", "o4"]) {
        return None;
    }
    let taken_again = |name: &&&str| idle && begins(&["gpt-5."]) && OF_SAMPLING.contains(name);
    let refused = OF_REASONING.iter().chain([&UNTIL_THE_FIFTH]);
    refused.filter(given).find(|name| !taken_again(name)).copied()
}

/// Whether a model signs its calls of tools, and wants the signatures back.
pub(crate) fn signs_calls(model: &str) -> bool {
    model.starts_with("google/gemini")
}

/// What stands beside a call: the thought that led to it, which nobody but the model can read.
pub(crate) fn signature(call: &str) -> Value {
    let thought: String = call.bytes().rev().map(|byte| format!("{byte:02x}")).collect();
    json!({ "google": { "thought_signature": thought } })
}

/// The first call among earlier messages that came back without its signature.
pub(crate) fn unsigned_call(messages: &[Value]) -> Option<&str> {
    let calls = messages.iter().flat_map(|message| message["tool_calls"].as_array().into_iter().flatten());
    calls
        .filter_map(|call| Some((call["id"].as_str()?, &call["extra_content"])))
        .find(|(id, extra)| **extra != signature(id))
        .map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_models_refuse_what_they_do_not_know() {
        let refused = |model: &str, options: Value, tools: bool| {
            refused_option(model, options.as_object().expect("options"), tools)
        };
        assert_eq!(refused("openai/gpt-5-mini", json!({ "temperature": 0.3 }), false), Some("temperature"));
        assert_eq!(refused("openai/gpt-5-mini", json!({ "temperature": null }), false), None);
        assert_eq!(refused("openai/gpt-4.1", json!({ "temperature": 0.3 }), false), None);
        assert_eq!(refused("openai/gpt-6-sol", json!({ "top_p": 0.3 }), false), Some("top_p"));
        let at_none = json!({ "top_p": 0.3, "reasoning_effort": "none" });
        assert_eq!(refused("openai/gpt-6-sol", at_none, false), None);
        let at_none = json!({ "top_p": 0.3, "n": 2, "reasoning_effort": "none" });
        assert_eq!(refused("openai/gpt-5.1", at_none, false), Some("n"));
        assert_eq!(
            refused("gpt-5-mini", json!({ "temperature": 0.3 }), false),
            None,
            "no name of the gateway's"
        );
        let low = json!({ "reasoning_effort": "low" });
        assert_eq!(refused("openai/gpt-5.2-chat-latest", low.clone(), true), Some("reasoning_effort"));
        assert_eq!(refused("openai/gpt-5.2-chat-latest", low, false), None);
    }

    #[test]
    fn calls_come_back_as_they_were_signed() {
        let message = |extra: Value| {
            [json!({ "role": "assistant", "tool_calls": [{ "id": "call_1", "extra_content": extra }] })]
        };
        assert_eq!(unsigned_call(&message(signature("call_1"))), None);
        assert_eq!(unsigned_call(&message(signature("call_2"))), Some("call_1"));
        assert_eq!(unsigned_call(&message(Value::Null)), Some("call_1"));
    }
}
