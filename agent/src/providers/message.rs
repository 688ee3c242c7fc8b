//! What was said so far, as the language model is given it.

use serde::Serialize;
use serde_json::Value;

/// One message of a conversation with the model, in OpenAI's wire form.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum ChatMessage {
    /// Who the agent is; the first one.
    System {
        /// Instructions of the persona, the signals to discover included.
        content: String,
    },
    /// What the caller said.
    User {
        /// The words of the turn, transcribed or typed.
        content: String,
    },
    /// What the model replied.
    Assistant {
        /// What was spoken; may be empty.
        content: String,
        /// What it called; each wants a message with its outcome.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<RequestedCall>,
    },
    /// What became of a call.
    Tool {
        /// Id of the call.
        tool_call_id: String,
        /// What the tool answered, or why there is no answer.
        content: String,
    },
}

impl ChatMessage {
    /// About how many bytes of a prompt it is.
    pub fn bytes(&self) -> usize {
        /// Of the names around the texts.
        const FRAME: usize = 40;
        FRAME
            + match self {
                Self::System { content } | Self::User { content } => content.len(),
                Self::Tool { tool_call_id, content } => tool_call_id.len() + content.len(),
                Self::Assistant { content, tool_calls } => {
                    let call = |call: &RequestedCall| {
                        let extra = call.extra_content.as_ref().map_or(0, |extra| extra.to_string().len());
                        FRAME
                            + call.id.len()
                            + call.function.name.len()
                            + call.function.arguments.len()
                            + extra
                    };
                    content.len() + tool_calls.iter().map(call).sum::<usize>()
                }
            }
    }
}

/// A call in a message of the model's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestedCall {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: RequestedFunction,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct RequestedFunction {
    name: String,
    arguments: String,
}

impl RequestedCall {
    /// A call as the model made it, with what its server wants to see again. Arguments that are no JSON object become an empty
    /// one: some servers refuse the whole conversation otherwise.
    pub fn new(id: &str, name: &str, arguments: &str, extra_content: Option<Value>) -> Self {
        let is_object = serde_json::from_str(arguments).is_ok_and(|value: Value| value.is_object());
        let arguments = if is_object { arguments } else { "{}" };
        let function = RequestedFunction { name: name.to_owned(), arguments: arguments.to_owned() };
        Self { id: id.to_owned(), kind: "function", function, extra_content }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_have_the_form_of_the_wire() {
        let calls =
            ["{\"day\":1}", "{\"da", ""].map(|arguments| RequestedCall::new("a", "book", arguments, None));
        let messages = [
            ChatMessage::System { content: "You sell.".to_owned() },
            ChatMessage::Assistant { content: "Hello!".to_owned(), tool_calls: Vec::new() },
            ChatMessage::Assistant { content: String::new(), tool_calls: calls.to_vec() },
            ChatMessage::Tool { tool_call_id: "a".to_owned(), content: "booked".to_owned() },
        ];
        let call = |arguments: &str| json!({"id": "a", "type": "function", "function": {"name": "book", "arguments": arguments}});
        assert_eq!(
            serde_json::to_value(messages).unwrap(),
            json!([
                {"role": "system", "content": "You sell."},
                {"role": "assistant", "content": "Hello!"},
                {"role": "assistant", "content": "", "tool_calls": [call("{\"day\":1}"), call("{}"), call("{}")]},
                {"role": "tool", "tool_call_id": "a", "content": "booked"},
            ])
        );
    }
}
