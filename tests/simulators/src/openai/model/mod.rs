//! A model that asks a persona's questions. What it says follows from the request alone: the questions are the
//! properties of the tool `record_signals`, and what is known is in the calls of it.

use serde_json::{Map, Value, json};

use super::faults::Fault;
use super::faults::kind::Kind;
use super::numbers;
use super::persona::Persona;
use super::understanding::{self, Question};

const RECORD_SIGNALS: &str = "record_signals";
const END_CALL: &str = "end_call";
/// How often a question is asked before the next one is.
const MOST_ATTEMPTS: usize = 3;
const THANKS: [&str; 4] = ["Thank you.", "Good to know.", "Got it, thanks.", "All right."];

/// What the model says and does.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// What a request says about the conversation.
pub(crate) struct Conversation<'a> {
    messages: &'a [Value],
    tools: Vec<String>,
    questions: Vec<Question>,
    known: Map<String, Value>,
}

impl<'a> Conversation<'a> {
    pub(crate) fn new(messages: &'a [Value], tools: &[Value], persona: &Persona) -> Self {
        let name = |tool: &Value| Some(tool["function"]["name"].as_str()?.to_owned());
        let schema = tools.iter().find(|tool| tool["function"]["name"] == RECORD_SIGNALS);
        let schema = schema.and_then(|tool| tool["function"]["parameters"]["properties"].as_object());
        let properties = schema.into_iter().flatten();
        let mut questions: Vec<_> =
            properties.map(|(name, schema)| Question::new(name, schema, persona)).collect();
        // Objects have no order; the persona's signals have.
        let position = |name: &str| persona.signals.iter().position(|signal| signal.name == name);
        questions.sort_by_key(|question| position(&question.name).unwrap_or(usize::MAX));
        let known = known(messages, &questions);
        Self { messages, tools: tools.iter().filter_map(name).collect(), questions, known }
    }

    /// What the model answers to the last message.
    pub(crate) fn reply(&self) -> Reply {
        let Some(last) = self.messages.last() else { return Reply::default() };
        match last["role"].as_str() {
            Some("user") => self.reply_to(&text(last)),
            Some("tool") if self.called_last() == Some(END_CALL) => Reply::say("Goodbye!".to_owned()),
            Some("tool") => self.go_on(THANKS[self.known.len() % THANKS.len()]),
            _ => self.go_on("Hello!"),
        }
    }

    /// What the model answers if it is told to misbehave; `None` for a fault that is not the model's.
    pub(crate) fn misbehave(&self, fault: &Fault) -> Option<Reply> {
        let first = self.questions.first();
        let name = first.map_or("nothing", |question| question.name.as_str());
        let value = first.map_or(Value::Null, Question::any_value);
        match fault.kind {
            Kind::Call => {
                let calls: Map<_, _> = serde_json::from_str(&fault.text).unwrap_or_default();
                let calls = calls.into_iter().map(|(name, arguments)| Call { name, arguments });
                Some(Reply { text: String::new(), calls: calls.collect() })
            }
            Kind::Say => Some(Reply::say(fault.text.clone())),
            Kind::BadArguments => {
                let wrong: Map<_, _> =
                    self.questions.iter().map(|question| (question.name.clone(), json!([{}]))).collect();
                Some(Reply::call(RECORD_SIGNALS, Value::Object(wrong)))
            }
            Kind::UnknownTool => {
                let name = if fault.text.is_empty() { "transfer_money" } else { &fault.text };
                Some(Reply::call(name, json!({ "amount": 1_000_000 })))
            }
            Kind::Loop | Kind::ToolText => Some(Reply::call(RECORD_SIGNALS, json!({ name: value }))),
            Kind::SetTier => {
                Some(Reply::call(RECORD_SIGNALS, json!({ name: value, "qualification_tier": "hot" })))
            }
            _ => None,
        }
    }

    fn reply_to(&self, said: &str) -> Reply {
        if self.questions.is_empty() {
            return Reply::say(format!("I heard you say: {said}"));
        }
        let trick = understanding::is_instruction(said, &self.tools);
        if !trick {
            let mut values = understanding::values(said, self.asked_last(), self.open());
            if values.is_empty() {
                values = self.corrections(said);
            }
            if !values.is_empty() {
                let call = |(name, value): (String, Value)| Call {
                    name: RECORD_SIGNALS.to_owned(),
                    arguments: json!({ name: value }),
                };
                return Reply { text: String::new(), calls: values.into_iter().map(call).collect() };
            }
            if understanding::is_farewell(said) {
                return self.farewell("Thank you for your time.");
            }
        }
        match self.asked_last() {
            None => self.go_on("Happy to help."),
            Some(asked) => match self.attempts(asked) {
                1 => Reply::say(format!("Sorry, I did not understand that. {}", asked.text)),
                attempts if attempts < MOST_ATTEMPTS => {
                    Reply::say(format!("Let me put it in other words. {} {}", asked.text, asked.hint()))
                }
                _ => self.go_on("Never mind, let us go on."),
            },
        }
    }

    /// Asks what is still open.
    fn go_on(&self, first: &str) -> Reply {
        let next = self.open().find(|question| self.attempts(question) < MOST_ATTEMPTS);
        match next {
            Some(question) => Reply::say(format!("{first} {}", question.text)),
            None => self.farewell(&format!("{first} That is all I wanted to know.")),
        }
    }

    fn farewell(&self, first: &str) -> Reply {
        let listed = self.tools.iter().any(|tool| tool == END_CALL);
        let call = Call { name: END_CALL.to_owned(), arguments: json!({}) };
        let calls = listed.then_some(call).into_iter().collect();
        Reply { text: format!("{first} Goodbye!"), calls }
    }

    /// What is not known yet.
    fn open(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(|question| !self.known.contains_key(&question.name))
    }

    /// What is said otherwise than it was understood before: only what cannot be meant otherwise.
    fn corrections(&self, said: &str) -> Map<String, Value> {
        let known =
            self.questions.iter().filter_map(|question| Some((question, self.known.get(&question.name)?)));
        let corrected = known.filter_map(|(question, before)| {
            let value = question.told_besides(said).filter(|value| value != before)?;
            Some((question.name.clone(), value))
        });
        corrected.collect()
    }

    /// The open question in the last words of the assistant; one that was interrupted counts if it was begun.
    fn asked_last(&self) -> Option<&Question> {
        let spoken = self.spoken().next_back()?;
        self.open()
            .find(|question| asks(&spoken, question))
            .or_else(|| self.open().find(|question| begins(&spoken, question)))
    }

    fn attempts(&self, question: &Question) -> usize {
        self.spoken().filter(|text| asks(text, question)).count()
    }

    fn spoken(&self) -> impl DoubleEndedIterator<Item = String> {
        let assistant = self.messages.iter().filter(|message| message["role"] == "assistant");
        assistant.map(text).filter(|text| !text.is_empty())
    }

    fn called_last(&self) -> Option<&str> {
        let called =
            |message: &'a Value| message["tool_calls"].as_array()?.last()?["function"]["name"].as_str();
        self.messages.iter().rev().find_map(called)
    }
}

impl Reply {
    fn say(text: String) -> Self {
        Self { text, calls: Vec::new() }
    }

    fn call(name: &str, arguments: Value) -> Self {
        Self { text: String::new(), calls: vec![Call { name: name.to_owned(), arguments }] }
    }
}

/// The signals that earlier calls recorded, with the last values of each that the tool takes.
fn known(messages: &[Value], questions: &[Question]) -> Map<String, Value> {
    let calls = messages.iter().flat_map(|message| message["tool_calls"].as_array().into_iter().flatten());
    let calls = calls.map(|call| &call["function"]).filter(|function| function["name"] == RECORD_SIGNALS);
    let recorded = calls.filter_map(|function| {
        serde_json::from_str::<Map<String, Value>>(function["arguments"].as_str()?).ok()
    });
    let takes = |name: &str, value: &Value| {
        questions.iter().any(|question| question.name == name && question.takes(value))
    };
    recorded.flatten().filter(|(name, value)| takes(name, value)).collect()
}

/// The text of a message, which is a string or a list of parts.
pub(crate) fn text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

fn asks(spoken: &str, question: &Question) -> bool {
    !question.text.is_empty() && spoken.contains(&question.text)
}

/// Whether the end of what was spoken is the begin of a question, three words of it at least.
fn begins(spoken: &str, question: &Question) -> bool {
    let (spoken, asked) = (numbers::words(spoken), numbers::words(&question.text));
    (3..=asked.len()).any(|length| spoken.ends_with(&asked[..length]))
}

#[cfg(test)]
mod tests;
