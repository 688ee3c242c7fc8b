//! Keeps apart what a model writes and does not mean to be said: what it thinks before it answers, and calls of tools that its
//! server did not read as calls. Markers may come in any pieces. No IO.

mod calls;
mod markers;
mod pythonic;
#[cfg(test)]
mod tests;
mod tokens;

use markers::{Beginning, Marker, Opening, beginning, begins_close, find_close, find_opening, held_back};
use pythonic::{Around, ends_in_word, is_word_with_endings};
use tokens::{MeantFor, header, without_tokens};

/// Most bytes that are held until it is known what they are; of thoughts nothing is held.
const MOST_HELD: usize = 16 * 1024;

/// A part of what a model wrote.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Written {
    /// To be said; never empty.
    Text(String),
    /// A call of a tool that is known, written as text.
    Call {
        name: String,
        /// JSON.
        arguments: String,
    },
    /// Neither said nor called: code, or a call of something that is no tool.
    LeftOut,
}

/// Reads the text of one reply.
#[derive(Debug)]
pub(super) struct Unspoken {
    /// Names of the tools that may be called.
    tools: Vec<String>,
    /// What has come and is not handed out: the beginning of a marker, or what stands behind one.
    held: String,
    inside: Option<Opening>,
    /// What was handed out last ends in the middle of a word.
    in_word: bool,
    /// It is known how the reply begins.
    has_begun: bool,
    /// The tool that a header named for the call behind it.
    addressee: Option<String>,
    /// This reply began with a thought whose opening marker the server had put into the prompt.
    thought_first: bool,
    /// It was read as one that did, and was an answer from its first word.
    answered_first: bool,
}

impl Unspoken {
    /// `thinks_first`: earlier replies of this model began in the middle of a thought.
    pub(super) fn new(tools: Vec<String>, thinks_first: bool) -> Self {
        let inside = thinks_first.then_some(Opening::THOUGHT_FROM_THE_BEGINNING);
        let (held, addressee, has_begun) = (String::new(), None, false);
        Self {
            tools,
            held,
            inside,
            in_word: false,
            has_begun,
            addressee,
            thought_first: false,
            answered_first: false,
        }
    }

    /// Whether this reply ended a thought that it had not begun.
    pub(super) fn thought_first(&self) -> bool {
        self.thought_first
    }

    /// Whether it was taken for a thought in vain.
    pub(super) fn answered_first(&self) -> bool {
        self.answered_first
    }

    pub(super) fn push(&mut self, piece: &str) -> Vec<Written> {
        self.held.push_str(piece);
        let mut written = Vec::new();
        while self.step(&mut written) {}
        written
    }

    /// What is left when nothing comes any more.
    pub(super) fn finish(&mut self) -> Vec<Written> {
        let mut written = Vec::new();
        loop {
            match self.inside.map(|opening| opening.marker) {
                Some(Marker::Header) => drop(self.header(true)),
                // It was no thought after all.
                Some(Marker::ThoughtFromTheBeginning) => {
                    self.answered_first |= !self.held.trim().is_empty();
                    self.inside = None;
                }
                _ => break,
            }
            while self.step(&mut written) {}
        }
        let rest = std::mem::take(&mut self.held);
        match self.inside.take().map(|opening| opening.marker) {
            // The beginning of a marker that became none.
            None => push_text(&mut written, without_tokens(&rest)),
            // Without an end.
            Some(Marker::Thought | Marker::ThoughtFromTheBeginning | Marker::Header) => {}
            Some(marker @ (Marker::Call | Marker::Code | Marker::Object | Marker::Pythonic)) => {
                self.read_calls(&rest, marker, &mut written);
            }
        }
        written
    }

    /// Whether there may be more to do.
    fn step(&mut self, written: &mut Vec<Written>) -> bool {
        match self.inside {
            None => self.outside(written),
            Some(opening) if opening.marker == Marker::Header => self.header(false),
            Some(opening) => self.within(opening, written),
        }
    }

    fn outside(&mut self, written: &mut Vec<Written>) -> bool {
        if !self.has_begun {
            match beginning(&self.held) {
                Beginning::Unknown => return false,
                Beginning::Text => {}
                Beginning::Marker(length, opening) => {
                    self.held.drain(..length);
                    self.inside = Some(opening);
                }
            }
            self.has_begun = true;
            return true;
        }
        let Some(found) = find_opening(&self.held, self.around()) else {
            let ready = self.held.len() - held_back(&self.held, self.around());
            self.hand_out(ready, written);
            return false;
        };
        self.hand_out(found.start, written);
        self.held.drain(..found.length);
        (self.inside, self.in_word) = (found.opening, false);
        self.thought_first |= found.ends_a_thought;
        true
    }

    fn hand_out(&mut self, length: usize, written: &mut Vec<Written>) {
        let text: String = self.held.drain(..length).collect();
        self.in_word = ends_in_word(&text).unwrap_or(self.in_word);
        push_text(written, text);
    }

    fn around(&self) -> Around<'_> {
        Around { tools: &self.tools, in_word: self.in_word }
    }

    /// Who speaks, and what that makes of what stands behind it.
    fn header(&mut self, is_all: bool) -> bool {
        let Some(header) = header(&self.held, is_all) else { return false };
        (self.inside, self.addressee) = match header.meant_for {
            MeantFor::Caller => (None, None),
            MeantFor::Nobody => (Some(Opening::MESSAGE_THAT_IS_A_THOUGHT), None),
            MeantFor::Tool(name) => (Some(Opening::MESSAGE_THAT_IS_A_CALL), Some(name.to_owned())),
        };
        let end = header.end;
        self.held.drain(..end);
        true
    }

    fn within(&mut self, opening: Opening, written: &mut Vec<Written>) -> bool {
        let Some((end, length)) = find_close(&self.held, opening) else {
            match opening.marker {
                // As much as may be the beginning of its end.
                Marker::Thought => {
                    let kept = held_back(&self.held, self.around()).max(begins_close(&self.held, opening));
                    self.held.drain(..self.held.len() - kept);
                }
                _ if self.held.len() <= MOST_HELD => {}
                Marker::ThoughtFromTheBeginning => {
                    self.inside = Some(opening.of_a_thought());
                    return true;
                }
                Marker::Call | Marker::Code | Marker::Object | Marker::Pythonic | Marker::Header => {
                    self.held.clear();
                    if written.last() != Some(&Written::LeftOut) {
                        written.push(Written::LeftOut);
                    }
                }
            }
            return false;
        };
        let inner: String = self.held.drain(..end).collect();
        self.held.drain(..length);
        self.inside = None;
        match opening.marker {
            Marker::Thought | Marker::Header => {}
            Marker::ThoughtFromTheBeginning => self.thought_first = true,
            Marker::Pythonic if is_word_with_endings(&inner) => push_text(written, inner),
            marker @ (Marker::Call | Marker::Code | Marker::Object | Marker::Pythonic) => {
                self.read_calls(&inner, marker, written);
            }
        }
        true
    }

    fn read_calls(&mut self, text: &str, marker: Marker, written: &mut Vec<Written>) {
        let calls = match self.addressee.take() {
            // It is that wholly, or nothing.
            None if marker == Marker::Pythonic => calls::pythonic(text, &self.tools).unwrap_or_default(),
            Some(name) => calls::to(&name, text, &self.tools).into_iter().collect(),
            None => calls::read(text, &self.tools),
        };
        if calls.is_empty() {
            written.push(Written::LeftOut);
        }
        written.extend(calls.into_iter().map(|(name, arguments)| Written::Call { name, arguments }));
    }
}

fn push_text(written: &mut Vec<Written>, text: String) {
    match written.last_mut() {
        _ if text.is_empty() => {}
        Some(Written::Text(before)) => before.push_str(&text),
        _ => written.push(Written::Text(text)),
    }
}
