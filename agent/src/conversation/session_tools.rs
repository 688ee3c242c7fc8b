//! The tools of one session: checks what the model wants to call, calls it, and writes down what became of it.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use futures::future::join_all;
use schemas::json::{Json, USUAL_DEPTH};
use schemas::{SignalSource, ToolCall, ToolCallOutcome};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::record::Record;
use crate::budget::kinds::Budgeted;
use crate::metrics::{NOTHING_RECORDED, OVER_BUDGET, SUCCESS};
use crate::persona::{Persona, Signal};
use crate::providers::message::{ChatMessage, RequestedCall};
use crate::tools::{CallFault, CheckedCall, Toolbox};

/// The signal that only the rules set.
const TIER: &str = "qualification_tier";

/// A call as the model wants it: nothing of it is checked.
#[derive(Debug)]
pub(super) struct ProposedCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    /// What the server wants to see again beside the call.
    pub(super) extra_content: Option<Value>,
}

/// What the model is told of the tools that it called.
#[derive(Debug, Clone)]
pub(super) struct ToolsAnswered {
    /// The calls, and an answer to each.
    pub(super) messages: Vec<ChatMessage>,
    /// Whether one of the tool calls ends the call.
    pub(super) ends_call: bool,
    /// Number of the caller's turn in which they were called.
    pub(super) turn: u32,
}

/// The tools as one session calls them; clones share its record.
#[derive(Clone)]
pub(super) struct SessionTools {
    toolbox: Toolbox,
    definitions: Arc<[Value]>,
    persona: Arc<Persona>,
    record: Record,
    answers_tx: mpsc::UnboundedSender<ToolsAnswered>,
    session_id: Arc<str>,
    turn: u32,
}

impl SessionTools {
    /// What tools answer goes to `answers_tx`, also when the reply that called them has been given up.
    pub(super) fn new(
        toolbox: Toolbox,
        persona: Arc<Persona>,
        record: Record,
        session_id: Arc<str>,
        answers_tx: mpsc::UnboundedSender<ToolsAnswered>,
    ) -> Self {
        let definitions = toolbox.definitions().into();
        Self { toolbox, definitions, persona, record, answers_tx, session_id, turn: 0 }
    }

    /// For the caller's turn of that number.
    pub(super) fn in_turn(&self, turn: u32) -> Self {
        Self { turn, ..self.clone() }
    }

    pub(super) fn definitions(&self) -> &[Value] {
        &self.definitions
    }

    /// Calls all of them. Dropped, it does not stop them: what they do elsewhere is done, and is known.
    pub(super) async fn run(&self, calls: Vec<ProposedCall>) -> ToolsAnswered {
        let tools = self.clone();
        let calling = async move {
            let answers = join_all(calls.iter().map(|call| tools.call(call))).await;
            let ends_call = answers.iter().any(|answer| answer.ends_call);
            let requested = |call: &ProposedCall| {
                RequestedCall::new(&call.id, &call.name, &call.arguments, call.extra_content.clone())
            };
            let tool_calls = calls.iter().map(requested).collect();
            let called = ChatMessage::Assistant { content: String::new(), tool_calls };
            let result = |(call, answer): (ProposedCall, Answer)| ChatMessage::Tool {
                tool_call_id: call.id,
                content: answer.text,
            };
            let results = calls.into_iter().zip(answers).map(result);
            let messages = std::iter::once(called).chain(results).collect();
            let answered = ToolsAnswered { messages, ends_call, turn: tools.turn };
            // A conversation that is over needs no answer.
            drop(tools.answers_tx.send(answered.clone()));
            answered
        };
        let calling = tokio::spawn(calling.in_current_span());
        calling.await.unwrap_or(ToolsAnswered { messages: Vec::new(), ends_call: false, turn: self.turn })
    }

    async fn call(&self, proposed: &ProposedCall) -> Answer {
        let (start_time, started) = (Utc::now(), Instant::now());
        let mut ends_call = false;
        let metrics = self.record.budget().metrics();
        if let Err(spent) = self.record.budget().spend(Budgeted::ToolCalls, 1) {
            metrics.tool_called(OVER_BUDGET);
            return Answer { text: json!({ "error": spent.to_string() }).to_string(), ends_call };
        }
        let checked = self.toolbox.check(&proposed.name, &proposed.arguments);
        let is_known = !matches!(checked, Err(CallFault::UnknownTool));
        let told = |fault: CallFault| {
            metrics.tool_called(fault.label());
            fault.to_string()
        };
        let result = match checked {
            Ok(CheckedCall::RecordSignals { accepted, rejected }) => {
                let recorded = self.record_signals(accepted, rejected);
                recorded.inspect_err(|_| metrics.tool_called(NOTHING_RECORDED))
            }
            Ok(CheckedCall::EndCall) => {
                ends_call = true;
                Ok("the call ends when you have said goodbye".to_owned())
            }
            Ok(CheckedCall::Http(call)) => self.toolbox.call(&call, &self.session_id).await.map_err(told),
            Err(fault) => Err(told(fault)),
        };
        if result.is_ok() {
            metrics.tool_called(SUCCESS);
        }
        let arguments = as_recorded(&proposed.arguments);
        let call = ToolCall {
            name: proposed.name.clone(),
            arguments,
            outcome: if result.is_ok() { ToolCallOutcome::Success } else { ToolCallOutcome::Error },
            error: result.as_ref().err().cloned(),
            start_time,
            duration_seconds: started.elapsed().as_secs_f64(),
        };
        self.record.tool_called(self.turn, call, is_known);
        let text = result.unwrap_or_else(|error| json!({ "error": error }).to_string());
        Answer { text, ends_call }
    }

    /// Takes what is valid, and computes the tier anew.
    fn record_signals(
        &self,
        accepted: Map<String, Value>,
        rejected: Vec<(String, String)>,
    ) -> Result<String, String> {
        let rejected: Map<String, Value> =
            rejected.into_iter().map(|(name, why)| (name, Value::from(why))).collect();
        if accepted.is_empty() {
            return Err(format!("nothing was recorded: {}", Value::from(rejected)));
        }
        let recorded: Vec<String> = accepted.keys().cloned().collect();
        let source = SignalSource { recorded_at: Utc::now(), turn: self.turn };
        let mut open: Vec<String> = Vec::new();
        self.record.journal().update(|session| {
            for (name, value) in accepted {
                session.signal_sources.insert(name.clone(), source.clone());
                session.discovered_signals.insert(name, value);
            }
            let tier = self.persona.qualify(&session.discovered_signals);
            session.discovered_signals.insert(TIER.to_owned(), Value::from(tier));
            let names = self.persona.signals().iter().map(Signal::name);
            let unknown = names.filter(|name| !session.discovered_signals.contains_key(*name));
            open = unknown.map(str::to_owned).collect();
        });
        // The model learns nothing of the tier: callers may ask it.
        Ok(json!({ "recorded": recorded, "rejected": rejected, "still_unknown": open }).to_string())
    }
}

struct Answer {
    text: String,
    ends_call: bool,
}

/// Arguments as every reader of the payload can hold them: what is no JSON, nested too deep or beyond all numbers is text.
fn as_recorded(arguments: &str) -> Value {
    let json = Json::parse(arguments.as_bytes());
    json.map_or_else(|_| Value::from(arguments), |json| json.to_value(USUAL_DEPTH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_wrote_is_recorded_so_that_every_reader_can_hold_it() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let lists = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
        for arguments in
            [nested(124), nested(127), nested(128), lists(126), nested(5_000), r#"{"n":1e400}"#.to_owned()]
        {
            let recorded = as_recorded(&arguments);
            assert!(recorded.is_object());
            // Three levels deeper, as it stands in a payload.
            let payload = json!({ "tool_calls": [{ "arguments": recorded }] }).to_string();
            assert!(serde_json::from_str::<Value>(&payload).is_ok(), "{}", &arguments[..20]);
        }
        assert_eq!(
            as_recorded(r#"{"half":"\ud83c","n":1e400}"#),
            json!({ "half": "\u{fffd}", "n": "1e400" })
        );
        assert_eq!(as_recorded("{cut"), json!("{cut"));
    }
}
