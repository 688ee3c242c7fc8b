//! Utterances on their way to words. Their words may come in another order than they were said. No IO.

use std::collections::VecDeque;
use std::time::Duration;

use crate::providers::transcription::dialect::{Said, cut};

/// How many that are complete are known by their names: what comes of one comes soon.
const REMEMBERED: usize = 64;
/// Utterances whose words are on their way. A caller says one after the other, and a server that owes the words of so many gives
/// none.
const MOST_WAITING: usize = 64;
/// Most bytes of a name; servers have some 30.
const LONGEST_ID: usize = 256;

/// The utterances whose words are not final, in the order in which they were said.
#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    waiting: VecDeque<Item>,
    /// Where utterances end that we ended and the server has no name for yet.
    ends: VecDeque<Duration>,
    /// The last ones that were completed, by their names.
    completed: VecDeque<String>,
}

#[derive(Debug, Clone)]
struct Item {
    id: String,
    text: String,
    /// From the first sample of the connection.
    end: Option<Duration>,
    is_complete: bool,
}

impl Items {
    /// We ended an utterance there.
    pub(super) fn ended(&mut self, end: Duration) {
        self.ends.push_back(end);
    }

    /// The server found nothing in what we ended: it answers in the order in which it is asked.
    pub(super) fn not_ended(&mut self) {
        self.ends.pop_front();
    }

    /// The server hears an utterance.
    pub(super) fn began(&mut self, id: &str) {
        self.item(id);
    }

    /// Whether it is a name that may be kept.
    pub(super) fn is_id(text: &str) -> bool {
        text.len() <= LONGEST_ID
    }

    /// Whether more are on their way than anybody says.
    pub(super) fn are_too_many(&self) -> bool {
        self.waiting.len() > MOST_WAITING || self.ends.len() > MOST_WAITING
    }

    /// Whether no words are on their way.
    pub(super) fn are_complete(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The server heard an utterance end there.
    pub(super) fn stopped(&mut self, id: &str, end: Option<Duration>) {
        if let Some(item) = self.item(id) {
            item.end = end;
        }
    }

    /// An utterance is on its way; `now` is where the connection is.
    pub(super) fn committed(&mut self, id: &str, now: Duration) {
        let end = self.ends.pop_front();
        if let Some(item) = self.item(id) {
            item.end = item.end.or(end).or(Some(now));
        }
    }

    /// More words of an utterance.
    pub(super) fn append(&mut self, id: &str, delta: &str) -> Vec<Said> {
        let Some(item) = self.item(id) else { return Vec::new() };
        item.text.push_str(delta);
        cut(&mut item.text);
        self.interim()
    }

    /// Other words of an utterance.
    pub(super) fn replace(&mut self, id: &str, text: &str) -> Vec<Said> {
        let Some(item) = self.item(id) else { return Vec::new() };
        text.clone_into(&mut item.text);
        cut(&mut item.text);
        self.interim()
    }

    /// The words of an utterance; they are final when those before them are.
    pub(super) fn completed(&mut self, id: &str, text: &str) -> Vec<Said> {
        let Some(item) = self.item(id) else { return Vec::new() };
        text.trim().clone_into(&mut item.text);
        cut(&mut item.text);
        item.is_complete = true;
        self.remember(id);
        let mut said = Vec::new();
        while let Some(item) = self.waiting.pop_front_if(|item| item.is_complete) {
            said.push(Said::Final { text: item.text, start: None, end: item.end });
        }
        if !self.waiting.is_empty() {
            said.extend(self.interim());
        }
        said
    }

    fn interim(&self) -> Vec<Said> {
        let texts = self.waiting.iter().map(|item| item.text.trim()).filter(|text| !text.is_empty());
        let text = texts.collect::<Vec<_>>().join(" ");
        if text.is_empty() { Vec::new() } else { vec![Said::Interim(text)] }
    }

    /// Without a name it is told from no other.
    fn remember(&mut self, id: &str) {
        if !id.is_empty() {
            self.completed.push_back(id.to_owned());
            self.completed.drain(..self.completed.len().saturating_sub(REMEMBERED));
        }
    }

    /// None where it is complete: what comes of it afterwards comes too late.
    fn item(&mut self, id: &str) -> Option<&mut Item> {
        if self.completed.iter().any(|completed| completed == id) {
            return None;
        }
        let index = self.waiting.iter().position(|item| item.id == id).unwrap_or_else(|| {
            let item = Item { id: id.to_owned(), text: String::new(), end: None, is_complete: false };
            self.waiting.push_back(item);
            self.waiting.len() - 1
        });
        self.waiting.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn words(text: &str, end: Duration) -> Said {
        Said::Final { text: text.to_owned(), start: None, end: Some(end) }
    }

    fn interim(text: &str) -> Said {
        Said::Interim(text.to_owned())
    }

    #[test]
    fn words_are_final_in_the_order_in_which_they_were_said() {
        let mut items = Items::default();
        items.ended(SECOND);
        items.committed("a", 3 * SECOND);
        items.ended(4 * SECOND);
        items.committed("b", 4 * SECOND);
        assert_eq!(items.append("a", "We "), [interim("We")]);
        assert_eq!(items.completed("b", "In sales."), [interim("We In sales.")]);
        assert_eq!(
            items.completed("a", " We are twelve. "),
            [words("We are twelve.", SECOND), words("In sales.", 4 * SECOND)]
        );
    }

    #[test]
    fn the_end_is_the_servers_where_it_tells_and_ours_where_it_does_not() {
        let mut items = Items::default();
        items.stopped("a", Some(2 * SECOND));
        items.committed("a", 5 * SECOND);
        assert_eq!(items.completed("a", "One."), [words("One.", 2 * SECOND)]);
        items.committed("b", 6 * SECOND);
        assert_eq!(items.completed("b", ""), [words("", 6 * SECOND)]);
        // One that was never announced ends nowhere in particular.
        assert_eq!(
            items.completed("c", "Three."),
            [Said::Final { text: "Three.".to_owned(), start: None, end: None }]
        );
    }

    #[test]
    fn what_comes_of_an_utterance_that_is_complete_is_nothing() {
        let mut items = Items::default();
        items.committed("a", SECOND);
        assert_eq!(items.completed("a", "One."), [words("One.", SECOND)]);
        assert_eq!(items.append("a", " One"), []);
        assert_eq!(items.replace("a", "One"), []);
        items.stopped("a", Some(SECOND));
        assert_eq!(items.completed("a", "One."), []);
        items.committed("b", 2 * SECOND);
        assert_eq!(items.completed("b", "Two."), [words("Two.", 2 * SECOND)]);
        // Nor does it change one that waits for those before it.
        items.committed("c", 3 * SECOND);
        items.committed("d", 4 * SECOND);
        assert_eq!(items.completed("d", "Four."), [interim("Four.")]);
        assert_eq!(items.append("d", " Five."), []);
        let both = [words("Three.", 3 * SECOND), words("Four.", 4 * SECOND)];
        assert_eq!(items.completed("c", "Three."), both);
    }

    #[test]
    fn utterances_without_a_name_are_all_heard() {
        let mut items = Items::default();
        for text in ["One.", "Two."] {
            items.committed("", SECOND);
            assert_eq!(items.completed("", text), [words(text, SECOND)]);
        }
    }
}
