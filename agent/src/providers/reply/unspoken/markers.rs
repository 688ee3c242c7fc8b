//! The markers around what is not to be said, as models and their servers write them.

use super::pythonic::{self, Around};
use super::tokens::{begins_token, find_token};

/// What stands behind an opening marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// What the model thinks.
    Thought,
    /// The same, from the first word of the reply, if its end comes.
    ThoughtFromTheBeginning,
    /// Calls of tools.
    Call,
    /// Code between fences, which may be a call.
    Code,
    /// A JSON object, which may be a call.
    Object,
    /// The name of a tool, and a parenthesis.
    Pythonic,
    /// Who speaks, and to whom: what stands behind it may be a thought, a call, or said.
    Header,
}

/// An opening marker, and what ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) marker: Marker,
    closes: &'static [&'static str],
    /// Any control token ends it, and is looked at for itself.
    until_token: bool,
}

impl Opening {
    pub(super) const THOUGHT_FROM_THE_BEGINNING: Self =
        Self { closes: &["</think>", "</thinking>"], ..Self::of(Marker::ThoughtFromTheBeginning) };

    /// What stands behind a header.
    pub(super) const MESSAGE_THAT_IS_A_THOUGHT: Self =
        Self { until_token: true, ..Self::of(Marker::Thought) };
    pub(super) const MESSAGE_THAT_IS_A_CALL: Self = Self { until_token: true, ..Self::of(Marker::Call) };

    /// To the end of the reply, where its marker does not tell.
    const fn of(marker: Marker) -> Self {
        Self { marker, closes: &[], until_token: false }
    }

    /// The same, which is a thought for certain.
    pub(super) fn of_a_thought(self) -> Self {
        Self { marker: Marker::Thought, ..self }
    }
}

/// An opening marker that was found; or the end of a thought that was never begun, or a word that is none.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) opening: Option<Opening>,
    pub(super) ends_a_thought: bool,
}

const fn thought(close: &'static [&'static str]) -> Option<Opening> {
    Some(Opening { closes: close, ..Opening::of(Marker::Thought) })
}

const fn call(close: &'static [&'static str]) -> Option<Opening> {
    Some(Opening { closes: close, ..Opening::of(Marker::Call) })
}

/// In lower case. Where two begin at the same place, the longer one stands first.
const OPENINGS: [(&str, Option<Opening>); 20] = [
    ("<thinking>", thought(&["</thinking>"])),
    ("<think>", thought(&["</think>"])),
    ("<thought>", thought(&["</thought>"])),
    ("<reasoning>", thought(&["</reasoning>"])),
    ("<|channel>thought", thought(&["<channel|>"])),
    ("</thinking>", None),
    ("</think>", None),
    ("<tool_call>", call(&["</tool_call>"])),
    ("<|tool_call|>", call(&["<|/tool_call|>"])),
    ("<|tool_call>", call(&["<tool_call|>"])),
    ("<|tool_calls_section_begin|>", call(&["<|tool_calls_section_end|>"])),
    ("<|tool_call_begin|>", call(&["<|tool_call_end|>"])),
    ("<｜tool▁calls▁begin｜>", call(&["<｜tool▁calls▁end｜>"])),
    ("<｜tool▁call▁begin｜>", call(&["<｜tool▁call▁end｜>"])),
    ("<|python_tag|>", Some(Opening::MESSAGE_THAT_IS_A_CALL)),
    ("<function=", call(&["</function>"])),
    // Mistral's, to the end of the reply.
    ("[tool_calls]", call(&[])),
    ("tool_call", None),
    ("</tool_call>", None),
    ("```", Some(Opening { closes: &["```"], ..Opening::of(Marker::Code) })),
];

/// What the beginning of a reply is.
pub(super) enum Beginning {
    Text,
    /// So many bytes, and what stands behind them.
    Marker(usize, Opening),
    /// More has to come.
    Unknown,
}

/// How gpt-oss begins where its server takes control tokens out of the text, and leaves the words between them:
/// `analysisThe caller wants …assistantfinalGreat.`
pub(super) fn beginning(text: &str) -> Beginning {
    const WORD: &str = "analysis";
    const THOUGHT: Opening = Opening { closes: &["assistantfinal"], ..Opening::of(Marker::Thought) };
    let trimmed = text.trim_start();
    let Some(behind) = trimmed.strip_prefix(WORD) else {
        return if WORD.starts_with(trimmed) { Beginning::Unknown } else { Beginning::Text };
    };
    match behind.chars().next() {
        None => Beginning::Unknown,
        Some(next) if next.is_uppercase() => Beginning::Marker(text.len() - behind.len(), THOUGHT),
        Some(_) => Beginning::Text,
    }
}

/// Longest space between the brace of an object and its first name.
const MOST_SPACE: usize = 16;

/// The first opening marker.
pub(super) fn find_opening(text: &str, around: Around<'_>) -> Option<Found> {
    let lower = text.to_ascii_lowercase();
    let words = OPENINGS.iter().filter_map(|(word, opening)| {
        let start = lower.find(word)?;
        let ends_a_thought = opening.is_none() && word.starts_with("</think");
        Some(Found { start, length: word.len(), opening: *opening, ends_a_thought })
    });
    let begins =
        |start, marker| Found { start, length: 0, opening: Some(Opening::of(marker)), ends_a_thought: false };
    let token = find_token(text).map(|token| Found {
        start: token.start,
        length: token.length,
        opening: token.begins_header().then_some(Opening::of(Marker::Header)),
        ends_a_thought: false,
    });
    let object = object(text).map(|start| begins(start, Marker::Object));
    let pythonic = pythonic::find(text, around).map(|start| begins(start, Marker::Pythonic));
    // Of two at one place the first in the list, which is the longer one; `min_by_key` keeps it.
    let found = words.chain(token).chain(object).chain(pythonic).min_by_key(|found| found.start)?;
    // A longer one may have begun before it, or with it.
    let held = held_back(text, around);
    let is_certain = held == 0 || text.len() - held > found.start;
    is_certain.then_some(found)
}

/// Where what stands behind an opening marker ends, and how long the closing marker is.
pub(super) fn find_close(text: &str, opening: Opening) -> Option<(usize, usize)> {
    match opening.marker {
        Marker::Object => return end_of_object(text).map(|end| (end, 0)),
        Marker::Pythonic => return pythonic::end(text).map(|end| (end, 0)),
        _ => {}
    }
    let lower = text.to_ascii_lowercase();
    let found = opening.closes.iter().filter_map(|close| Some((lower.find(close)?, close.len())));
    let token = find_token(text).filter(|_| opening.until_token);
    found.chain(token.map(|token| (token.start, 0))).min()
}

/// Bytes at the end of a text that may be the beginning of what ends it.
pub(super) fn begins_close(text: &str, opening: Opening) -> usize {
    let lower = text.to_ascii_lowercase();
    let begun = |close: &&str| {
        (1..close.len()).rev().find(|length| lower.ends_with(close.get(..*length).unwrap_or(close)))
    };
    opening.closes.iter().filter_map(begun).max().unwrap_or(0)
}

/// Bytes at the end of a text that may be the beginning of a marker.
pub(super) fn held_back(text: &str, around: Around<'_>) -> usize {
    let lower = text.to_ascii_lowercase();
    let closes = OPENINGS.iter().filter_map(|(_, opening)| *opening).flat_map(|opening| opening.closes);
    let words = OPENINGS.iter().map(|(word, _)| word).chain(closes);
    let longest = words.filter_map(|word| {
        (1..word.len())
            .rev()
            .filter(|length| word.is_char_boundary(*length))
            .find(|length| lower.ends_with(&word[..*length]))
    });
    let others = [begins_object(text), begins_token(text), pythonic::begins(text, around)];
    longest.chain(others.into_iter().flatten()).max().unwrap_or(0)
}

/// Where an object begins: a brace, and the quotation mark of its first name.
fn object(text: &str) -> Option<usize> {
    let begins = |start: &usize| text[start + 1..].trim_start().starts_with('"');
    text.match_indices('{').map(|(start, _)| start).find(begins)
}

/// Bytes from a brace at the end of a text, where nothing but space follows it.
fn begins_object(text: &str) -> Option<usize> {
    let trimmed = text.trim_end();
    let space = text.len() - trimmed.len();
    (trimmed.ends_with('{') && space <= MOST_SPACE).then_some(space + 1)
}

/// Where the object ends that a text begins with.
fn end_of_object(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}
