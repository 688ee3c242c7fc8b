//! Calls of tools as Llama and Gemma write them: as Python would, `[record_signals(team_size=12), end_call()]`.

use serde_json::{Map, Value};

/// How deep lists and objects may stand in each other.
const DEEPEST: usize = 8;

/// What there is to know of a text in which calls are looked for.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// Names of the tools that may be called.
    pub(super) tools: &'a [String],
    /// The text goes on in the middle of a word.
    pub(super) in_word: bool,
}

/// Where such a call of a known tool begins: at its name, or at the bracket in front of it.
pub(super) fn find(text: &str, around: Around<'_>) -> Option<usize> {
    let begins = around.tools.iter().filter_map(|tool| {
        let mut names = text.match_indices(tool.as_str()).map(|(start, _)| start);
        names.find(|start| text[start + tool.len()..].starts_with('(') && around.is_word(text, *start))
    });
    let start = begins.min()?;
    let before = text[..start].trim_end();
    Some(if before.ends_with('[') { before.len() - 1 } else { start })
}

/// Bytes at the end of a text that may be the beginning of one.
pub(super) fn begins(text: &str, around: Around<'_>) -> Option<usize> {
    let lengths = around.tools.iter().flat_map(|tool| {
        let prefix = |length: &usize| tool.is_char_boundary(*length) && text.ends_with(&tool[..*length]);
        (1..=tool.len()).filter(prefix)
    });
    let name = lengths.filter(|length| around.is_word(text, text.len() - length)).max().unwrap_or(0);
    let before = text[..text.len() - name].trim_end();
    let held =
        if before.ends_with('[') && !around.tools.is_empty() { text.len() - before.len() + 1 } else { name };
    (held > 0).then_some(held)
}

/// Where the call ends that a text begins with; of a list, where that does.
pub(super) fn end(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_u32, None, false);
    for (index, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            _ if escaped => escaped = false,
            (b'\\', Some(_)) => escaped = true,
            (byte, Some(open)) => quote = Some(open).filter(|open| *open != byte),
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'(' | b'[' | b'{', None) => depth += 1,
            (b')' | b']' | b'}', None) => {
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

/// Whether it is a word with more than one ending, such as `document(s)`.
pub(super) fn is_word_with_endings(text: &str) -> bool {
    let inner = text.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.is_some_and(|inner| {
        (1..=3).contains(&inner.len()) && inner.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

/// The calls, with their arguments; none where a text is not wholly of this form.
pub(super) fn read(text: &str) -> Option<Vec<(String, Value)>> {
    let mut reader = Reader { rest: text.trim() };
    let is_list = reader.takes('[');
    let mut calls = vec![reader.call()?];
    while reader.takes(',') || reader.takes(';') {
        calls.push(reader.call()?);
    }
    (is_list == reader.takes(']') && reader.rest.is_empty()).then_some(calls)
}

impl Around<'_> {
    /// Whether a name may begin here.
    fn is_word(self, text: &str, start: usize) -> bool {
        !ends_in_word(&text[..start]).unwrap_or(self.in_word)
    }
}

/// Whether what stands behind a text goes on with its last word; none where it is empty.
pub(super) fn ends_in_word(text: &str) -> Option<bool> {
    let last = text.chars().next_back()?;
    Some(last.is_alphanumeric() || matches!(last, '_' | '-' | '.'))
}

/// Reads a text from its beginning.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn takes(&mut self, mark: char) -> bool {
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest).trim_start();
        rest.is_some()
    }

    fn name(&mut self) -> Option<&'a str> {
        let in_name = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
        let length = self.rest.find(|character| !in_name(character))?;
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        (!name.is_empty()).then_some(name)
    }

    fn call(&mut self) -> Option<(String, Value)> {
        let name = self.name()?.to_owned();
        if !self.takes('(') {
            return None;
        }
        let mut arguments = Map::new();
        if self.rest.starts_with('{') {
            let Value::Object(only) = self.value(0)? else { return None };
            return self.takes(')').then_some((name, only.into()));
        }
        while !self.takes(')') {
            let argument = self.name()?.to_owned();
            if !self.takes('=') {
                return None;
            }
            let value = self.value(0)?;
            if arguments.insert(argument, value).is_some() || !(self.takes(',') || self.rest.starts_with(')'))
            {
                return None;
            }
        }
        Some((name, arguments.into()))
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        if self.takes('[') {
            let mut values = Vec::new();
            while !self.takes(']') {
                values.push(self.value(depth + 1)?);
                if !(self.takes(',') || self.rest.starts_with(']')) {
                    return None;
                }
            }
            return Some(values.into());
        }
        if self.takes('{') {
            let mut values = Map::new();
            while !self.takes('}') {
                let name = self.text()?;
                if !self.takes(':') {
                    return None;
                }
                let value = self.value(depth + 1)?;
                if values.insert(name, value).is_some() || !(self.takes(',') || self.rest.starts_with('}')) {
                    return None;
                }
            }
            return Some(values.into());
        }
        if self.rest.starts_with(['"', '\'']) {
            return self.text().map(Value::from);
        }
        let length = self.rest.find([',', ')', ']', '}']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        match word.trim_end() {
            "True" | "true" => Some(true.into()),
            "False" | "false" => Some(false.into()),
            "None" | "null" => Some(Value::Null),
            number => serde_json::from_str(number).ok().filter(Value::is_number),
        }
    }

    /// A text between either kind of quotation marks.
    fn text(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' => text.push(match characters.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    same @ ('\\' | '"' | '\'') => same,
                    _ => return None,
                }),
                end if end == quote => {
                    self.rest = self.rest[index + 1..].trim_start();
                    return Some(text);
                }
                other => text.push(other),
            }
        }
        None
    }
}
