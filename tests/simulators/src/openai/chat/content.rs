//! What stands in a reply's content on request: thoughts that should not be heard, and calls of tools as text.

use serde_json::{Value, json};

use crate::openai::faults::Fault;
use crate::openai::faults::kind::Kind;
use crate::openai::model::{Call, Reply};

/// What is thought where nothing else was given.
const THOUGHT: &str = "The caller said something. I should think about what to ask next, and call the tool.";

/// A reply as it stands in the answer.
pub(super) struct Content {
    pub(super) reply: Reply,
    /// Words of it that are thoughts.
    pub(super) reasoning: usize,
    /// After how many characters the one break between its parts is; by words where it is not given.
    pub(super) split_at: Option<usize>,
}

impl Content {
    /// The reply with what a fault adds to it.
    pub(super) fn new(mut reply: Reply, fault: Option<&Fault>) -> Self {
        let Some(fault) = fault else { return Self { reply, reasoning: 0, split_at: None } };
        let thought = if fault.text.is_empty() { THOUGHT } else { &fault.text };
        let prefix = match fault.kind {
            Kind::Think => format!("<think>{thought}</think>"),
            Kind::Channel => format!("<|channel>thought {thought} <channel|>"),
            Kind::Prefix => fault.text.clone(),
            _ => String::new(),
        };
        let reasoning = prefix.split_whitespace().count();
        if fault.kind == Kind::ToolText {
            let calls = std::mem::take(&mut reply.calls);
            let calls: String = calls.iter().map(|call| as_text(call, &fault.text)).collect();
            reply.text.push_str(&calls);
        }
        reply.text.insert_str(0, &prefix);
        Self { reply, reasoning, split_at: fault.split_at }
    }
}

/// A call as models write it whose server does not parse it.
fn as_text(call: &Call, form: &str) -> String {
    let call: Value = json!({ "name": call.name, "arguments": call.arguments });
    match form {
        "json" => call.to_string(),
        "fence" => format!("```json\n{call:#}\n```"),
        _ => format!("<tool_call>\n{call}\n</tool_call>"),
    }
}

/// The parts in which a text is streamed.
pub(super) fn parts(text: &str, split_at: Option<usize>) -> Vec<&str> {
    match split_at {
        None => text.split_inclusive(' ').collect(),
        Some(characters) => {
            let at = text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
            let (first, second) = text.split_at(at);
            [first, second].into_iter().filter(|part| !part.is_empty()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(fault: Value) -> Content {
        let fault: Fault = serde_json::from_value(fault).expect("a fault");
        let call = Call { name: "record".to_owned(), arguments: json!({ "n": 1 }) };
        Content::new(Reply { text: "Good.".to_owned(), calls: vec![call] }, Some(&fault))
    }

    #[test]
    fn thoughts_stand_before_what_is_said() {
        for (kind, expected) in [
            ("think", "<think>hm well</think>Good."),
            ("channel", "<|channel>thought hm well <channel|>Good."),
            ("prefix", "hm wellGood."),
        ] {
            let content = content(json!({ "endpoint": "chat", "kind": kind, "text": "hm well" }));
            assert_eq!(content.reply.text, expected);
            assert!(content.reasoning >= 2 && content.reply.calls.len() == 1);
        }
    }

    #[test]
    fn calls_can_be_text() {
        for (form, end) in [
            ("hermes", "\n</tool_call>"),
            ("json", r#"{"arguments":{"n":1},"name":"record"}"#),
            ("fence", "}\n```"),
        ] {
            let content = content(json!({ "endpoint": "chat", "kind": "tool_text", "text": form }));
            assert!(content.reply.text.ends_with(end) && content.reply.calls.is_empty());
        }
    }

    #[test]
    fn a_text_is_broken_anywhere() {
        assert_eq!(parts("a bé c", None), ["a ", "bé ", "c"]);
        for (at, expected) in
            [(0, &["a bé c"][..]), (3, &["a b", "é c"]), (4, &["a bé", " c"]), (99, &["a bé c"])]
        {
            assert_eq!(parts("a bé c", Some(at)), expected);
        }
    }
}
