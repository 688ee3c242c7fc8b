//! Puts tool calls together that come in pieces, or whole.

use serde::Deserialize;
use serde_json::Value;

/// Most bytes of the arguments of all calls of a reply, and of what stands beside them.
const ARGUMENTS_LIMIT: usize = 128 * 1024;
/// Most calls of a reply.
const MOST_CALLS: usize = 32;

/// A piece of a call. Servers leave out what they like.
#[derive(Debug, Deserialize)]
pub(super) struct CallDelta {
    index: Option<u64>,
    id: Option<String>,
    function: Option<FunctionDelta>,
    extra_content: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<Value>,
}

/// A call as far as it has come.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Assembled {
    index: Option<u64>,
    /// Empty where the server gives none.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    /// What the server wants to see again beside the call, such as the signature of a thought.
    pub(super) extra_content: Option<Value>,
}

/// The calls of a reply.
#[derive(Default)]
pub(super) struct ToolCalls {
    calls: Vec<Assembled>,
}

/// The calls of a reply are more or longer than any should be.
#[derive(Debug, PartialEq)]
pub(super) struct TooMany;

impl ToolCalls {
    pub(super) fn add(&mut self, delta: CallDelta) -> Result<(), TooMany> {
        let function = delta.function.unwrap_or_default();
        let id = delta.id.filter(|id| !id.is_empty());
        let name = function.name.filter(|name| !name.is_empty());
        let call = self.find(delta.index, id.as_deref(), name.is_some())?;
        if let Some(id) = id {
            call.id = id;
        }
        if let Some(name) = name {
            call.name = name;
        }
        if delta.extra_content.is_some() {
            call.extra_content = delta.extra_content;
        }
        match function.arguments {
            None | Some(Value::Null) => {}
            Some(Value::String(piece)) => call.arguments.push_str(&piece),
            // Some send the arguments themselves instead of their text.
            Some(whole) => call.arguments = whole.to_string(),
        }
        let extra = |call: &Assembled| call.extra_content.as_ref().map_or(0, |extra| extra.to_string().len());
        let length: usize = self.calls.iter().map(|call| call.arguments.len() + extra(call)).sum();
        if length > ARGUMENTS_LIMIT { Err(TooMany) } else { Ok(()) }
    }

    /// The call that a piece belongs to: the one of its index, else of its id, else the last one. A piece with a name and
    /// another id, or with neither index nor id, begins a call of its own: that is how whole calls come.
    fn find(&mut self, index: Option<u64>, id: Option<&str>, named: bool) -> Result<&mut Assembled, TooMany> {
        let position = match (index, id) {
            (Some(index), id) => self.calls.iter().rposition(|call| {
                let other = named && id.is_some_and(|id| !call.id.is_empty() && call.id != id);
                call.index == Some(index) && !other
            }),
            (None, Some(id)) => self.calls.iter().rposition(|call| call.id == id),
            (None, None) if named => None,
            (None, None) => self.calls.len().checked_sub(1),
        };
        let position = match position {
            Some(position) => position,
            None if self.calls.len() == MOST_CALLS => return Err(TooMany),
            None => {
                self.calls.push(Assembled { index, ..Assembled::default() });
                self.calls.len() - 1
            }
        };
        self.calls.get_mut(position).ok_or(TooMany)
    }

    /// All calls, in their order.
    pub(super) fn finish(self) -> Vec<Assembled> {
        self.calls.into_iter().filter(|call| !call.name.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn calls(deltas: Value) -> Vec<[String; 3]> {
        let mut calls = ToolCalls::default();
        for delta in deltas.as_array().unwrap() {
            calls.add(serde_json::from_value(delta.clone()).unwrap()).unwrap();
        }
        calls.finish().into_iter().map(|call| [call.id, call.name, call.arguments]).collect()
    }

    #[test]
    fn pieces_and_whole_calls_come_out_alike() {
        let wanted =
            [["a", "book", r#"{"day":1}"#], ["b", "end_call", ""]].map(|call| call.map(str::to_owned));
        for deltas in [
            // By index.
            json!([
                {"index": 0, "id": "a", "type": "function", "function": {"name": "book", "arguments": ""}},
                {"index": 0, "function": {"arguments": "{\"day\""}},
                {"index": 1, "id": "b", "function": {"name": "end_call", "arguments": null}},
                {"index": 0, "function": {"arguments": ":1}"}},
            ]),
            // The name and the id again in each piece.
            json!([
                {"index": 0, "id": "a", "function": {"name": "book", "arguments": "{\"day\""}},
                {"index": 0, "id": "a", "function": {"name": "book", "arguments": ":1}"}},
                {"index": 1, "id": "b", "function": {"name": "end_call"}},
            ]),
            // Whole calls that all have the index 0.
            json!([
                {"index": 0, "id": "a", "function": {"name": "book", "arguments": "{\"day\":1}"}},
                {"index": 0, "id": "b", "function": {"name": "end_call", "arguments": ""}},
            ]),
            // Without index.
            json!([
                {"id": "a", "function": {"name": "book", "arguments": "{\"day\""}},
                {"function": {"arguments": ":1}"}},
                {"id": "b", "function": {"name": "end_call"}},
            ]),
            // Arguments that are no text.
            json!([
                {"id": "a", "function": {"name": "book", "arguments": {"day": 1}}},
                {"id": "b", "function": {"name": "end_call"}},
            ]),
        ] {
            assert_eq!(calls(deltas.clone()), wanted, "{deltas}");
        }
        let anonymous = json!([
            {"function": {"name": "book", "arguments": "{\"day\":1}"}},
            {"function": {"name": "end_call", "arguments": null}},
        ]);
        let wanted = [["", "book", r#"{"day":1}"#], ["", "end_call", ""]].map(|call| call.map(str::to_owned));
        assert_eq!(calls(anonymous), wanted);
    }

    #[test]
    fn a_reply_cannot_fill_the_memory() {
        let mut calls = ToolCalls::default();
        let piece = || {
            serde_json::from_value(json!({"index": 0, "function": {"arguments": "x".repeat(1_000)}})).unwrap()
        };
        assert_eq!((0..200).find_map(|_| calls.add(piece()).err()), Some(TooMany));
        let mut calls = ToolCalls::default();
        let call = |index: usize| {
            serde_json::from_value(json!({"index": index, "function": {"name": "x"}})).unwrap()
        };
        assert_eq!((0..200).find_map(|index| calls.add(call(index)).err()), Some(TooMany));
    }
}
