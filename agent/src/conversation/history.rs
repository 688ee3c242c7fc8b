//! What the language model is told of the conversation so far: the newest turns of it, within a number of bytes.

use crate::budget::Budget;
use crate::budget::kinds::Cut;
use crate::providers::message::ChatMessage;

/// Messages that are sent at most, besides the persona's; the oldest are left out first.
const MOST: usize = 200;

/// The conversation, as messages.
pub(super) struct History {
    persona: ChatMessage,
    messages: Vec<ChatMessage>,
    /// What the messages take of a prompt.
    bytes: usize,
    budget: Budget,
}

impl History {
    pub(super) fn new(system_prompt: String, budget: Budget) -> Self {
        let persona = ChatMessage::System { content: system_prompt };
        Self { persona, messages: Vec::new(), bytes: 0, budget }
    }

    pub(super) fn add(&mut self, message: ChatMessage) {
        self.bytes += message.bytes();
        self.messages.push(message);
        while self.messages.len() > MOST || self.bytes > self.budget.history_bytes() {
            // A turn goes as a whole: results of tools without their call would be refused.
            let is_user = |message: &ChatMessage| matches!(message, ChatMessage::User { .. });
            let next =
                self.messages.iter().skip(1).position(is_user).map_or(self.messages.len(), |at| at + 1);
            // The turn that is being answered stays.
            if next == self.messages.len() && self.messages.iter().any(is_user) {
                break;
            }
            let left_out = self.messages.drain(..next);
            self.bytes -= left_out.map(|message| message.bytes()).sum::<usize>();
            self.budget.cut(Cut::History);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::tests::budget;

    fn user(bytes: usize) -> ChatMessage {
        ChatMessage::User { content: "x".repeat(bytes) }
    }

    fn history() -> History {
        History::new("Be kind.".to_owned(), budget(&["--agent-max-history-bytes", "10000"]).0)
    }

    #[test]
    fn the_oldest_turns_are_left_out_by_bytes_and_by_number() {
        let mut history = history();
        for _ in 0..50 {
            history.add(user(900));
            history.add_said("I see.", false);
        }
        let messages = history.messages();
        assert!(matches!(messages[0], ChatMessage::System { .. }));
        assert!(matches!(messages[1], ChatMessage::User { .. }));
        let bytes: usize = messages[1..].iter().map(ChatMessage::bytes).sum();
        assert!((8_000..=10_000).contains(&bytes), "{bytes}");
        for _ in 0..500 {
            history.add(user(1));
        }
        assert_eq!(history.messages().len(), 1 + MOST);
    }

    #[test]
    fn the_turn_that_is_answered_stays() {
        let mut history = history();
        history.add(user(900));
        history.add(user(16_000));
        history.add_said(&"x".repeat(2_000), false);
        assert_eq!(history.messages().len(), 3);
        history.add(user(1));
        assert_eq!(history.messages().len(), 2);
    }
}
