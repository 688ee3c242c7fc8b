//! What the language model is told of the conversation so far.

use crate::providers::message::ChatMessage;

/// Messages that are sent at most, besides the persona's; the oldest are left out first.
const MOST: usize = 200;

/// The conversation, as messages.
pub(super) struct History {
    persona: ChatMessage,
    messages: Vec<ChatMessage>,
}

impl History {
    pub(super) fn new(system_prompt: String) -> Self {
        Self { persona: ChatMessage::System { content: system_prompt }, messages: Vec::new() }
    }

    pub(super) fn add(&mut self, message: ChatMessage) {
        self.messages.push(message);
        if self.messages.len() > MOST {
            // A turn goes as a whole: results of tools without their call would be refused.
            let turns = self
                .messages
                .iter()
                .enumerate()
                .skip(1)
                .filter(|(_, message)| matches!(message, ChatMessage::User { .. }));
            let next = turns.map(|(index, _)| index).find(|index| self.messages.len() - index <= MOST);
            self.messages.drain(..next.unwrap_or(self.messages.len()));
        }
    }

    /// What the agent said; what the caller did not hear of it was not said.
    pub(super) fn add_said(&mut self, text: &str, interrupted: bool) {
        if text.is_empty() {
            return;
        }
        let text = if interrupted { format!("{text}…") } else { text.to_owned() };
        self.add(ChatMessage::Assistant { content: text, tool_calls: Vec::new() });
    }

    pub(super) fn messages(&self) -> Vec<ChatMessage> {
        std::iter::once(&self.persona).chain(&self.messages).cloned().collect()
    }
}
