//! Of the parts of a reply those that are meant for somebody: thoughts are left out, and calls that were written as text are
//! calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tracing::warn;

use super::unspoken::{Unspoken, Written};
use super::{ReplyPart, made_up_id};

/// Reads the parts of one reply.
pub(in super::super) struct Meant {
    unspoken: Unspoken,
    thinks_first: Arc<AtomicBool>,
    /// What is wrong was logged.
    said_so: bool,
}

impl Meant {
    /// `tools` are definitions in OpenAI's form. `thinks_first` is what the replies of a model have shown so far.
    pub(in super::super) fn new(tools: &[Value], thinks_first: Arc<AtomicBool>) -> Self {
        let names = tools.iter().filter_map(|tool| tool.pointer("/function/name")?.as_str());
        let names = names.map(str::to_owned).collect();
        let unspoken = Unspoken::new(names, thinks_first.load(Ordering::Relaxed));
        Self { unspoken, thinks_first, said_so: false }
    }

    /// The parts that are left, and those that are made of others.
    pub(in super::super) fn only(&mut self, parts: Vec<ReplyPart>) -> Vec<ReplyPart> {
        let mut meant = Vec::new();
        for part in parts {
            match part {
                ReplyPart::Text(text) => {
                    let written = self.unspoken.push(&text);
                    self.take(written, &mut meant);
                }
                other => {
                    let written = self.unspoken.finish();
                    self.take(written, &mut meant);
                    if other == ReplyPart::Finished {
                        self.learn();
                    }
                    meant.push(other);
                }
            }
        }
        meant
    }

    fn take(&mut self, written: Vec<Written>, meant: &mut Vec<ReplyPart>) {
        for written in written {
            match written {
                Written::Text(text) => meant.push(ReplyPart::Text(text)),
                Written::Call { name, arguments } => {
                    self.say("the model wrote a call as text, which was called: its server has to read calls (a tool-call parser)");
                    meant.push(ReplyPart::ToolCall {
                        id: made_up_id(),
                        name,
                        arguments,
                        extra_content: None,
                    });
                }
                Written::LeftOut => {
                    self.say("the model wrote code, or a call of no tool, which was not said: look at LLM_MODEL and its server");
                }
            }
        }
    }

    fn say(&mut self, what: &str) {
        if !std::mem::replace(&mut self.said_so, true) {
            warn!("{what}");
        }
    }

    /// What this reply has shown of all replies of its model. One stray marker teaches it wrongly, and the next reply teaches it
    /// better.
    fn learn(&self) {
        if !self.unspoken.thought_first() {
            if self.unspoken.answered_first() {
                self.thinks_first.store(false, Ordering::Relaxed);
            }
        } else if !self.thinks_first.swap(true, Ordering::Relaxed) {
            warn!(
                "the model thinks aloud before it answers: its server has to know its thoughts (a reasoning parser), or \
                 LLM_EXTRA_BODY has to turn them off; from now on they are left out, and answers wait for their end, \
                 until one comes without"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a reply, as it comes.
    fn read(pieces: &[&str], thinks_first: &Arc<AtomicBool>) -> Vec<String> {
        let mut meant = Meant::new(&[], Arc::clone(thinks_first));
        let parts = pieces.iter().map(|piece| ReplyPart::Text((*piece).to_owned()));
        let said = parts.chain([ReplyPart::Finished]).flat_map(|part| meant.only(vec![part]));
        said.filter_map(|part| if let ReplyPart::Text(text) = part { Some(text) } else { None }).collect()
    }

    #[test]
    fn a_model_that_answers_without_a_thought_is_not_waited_for_any_more() {
        let thinks_first = Arc::default();
        read(&["A stray tag.", "</think>", "Great."], &thinks_first);
        assert_eq!(read(&["I ask.", "</think>", "Great."], &thinks_first), ["Great."]);
        // Nothing tells yet that the first words are the answer.
        assert_eq!(read(&["One. ", "Two."], &thinks_first), ["One. Two."]);
        assert_eq!(read(&["One. ", "Two."], &thinks_first), ["One. ", "Two."]);
    }

    #[test]
    fn a_reply_of_no_words_teaches_nothing() {
        let thinks_first = Arc::new(AtomicBool::new(true));
        read(&[], &thinks_first);
        read(&["\n"], &thinks_first);
        assert_eq!(read(&["I ask.", "</think>", "Great."], &thinks_first), ["Great."]);
    }
}
