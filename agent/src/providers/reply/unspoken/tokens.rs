//! Control tokens, which a model's template puts around messages: `<|end|>`, or with one bar, as Gemma has them. A server that
//! does not know its model's form leaves them in the text.

/// Most characters of a token's name.
const LONGEST_NAME: usize = 40;
/// Most bytes between the token that begins a message's header and what ends it.
const LONGEST_HEADER: usize = 128;

/// Tokens behind which a header stands: who speaks, in which channel, to whom.
const BEGIN_HEADER: [&str; 6] = ["start", "channel", "im_start", "start_header_id", "turn", "start_of_turn"];
/// The two that have no bar at all.
const WITHOUT_BARS: [&str; 2] = ["start_of_turn", "end_of_turn"];
const END_HEADER: [&str; 2] = ["message", "end_header_id"];
const WITHIN_HEADER: [&str; 2] = ["channel", "constrain"];
/// What a model writes in the name of somebody else is not said, and what it writes in this channel is a thought.
const UNSAID: [&str; 6] = ["analysis", "user", "system", "developer", "tool", "human"];
const SAID: [&str; 6] = ["assistant", "model", "final", "commentary", "json", "ai"];

/// A token that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) start: usize,
    pub(super) length: usize,
    name: &'a str,
    /// It stands before something; not `<turn|>`, which stands behind.
    opens: bool,
}

/// What stands where an angle bracket is.
enum At<'a> {
    Token(Token<'a>),
    /// It may become one; whether it has its first bar.
    Begun(bool),
    Text,
}

/// How a header ends.
#[derive(Debug, PartialEq)]
pub(super) struct Header<'a> {
    /// Where what it stands before begins.
    pub(super) end: usize,
    pub(super) meant_for: MeantFor<'a>,
}

/// Whom a message is meant for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MeantFor<'a> {
    Caller,
    Nobody,
    /// It is a call of this.
    Tool(&'a str),
}

impl Token<'_> {
    pub(super) fn begins_header(&self) -> bool {
        self.opens && self.is_one_of(&BEGIN_HEADER)
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

/// The first one.
pub(super) fn find_token(text: &str) -> Option<Token<'_>> {
    text.match_indices('<').find_map(|(start, _)| match at(&text[start..]) {
        At::Token(token) => Some(Token { start, ..token }),
        At::Begun(_) | At::Text => None,
    })
}

/// Bytes at the end of a text that may be the beginning of a token.
pub(super) fn begins_token(text: &str) -> Option<usize> {
    let begun = |start: &usize| matches!(at(&text[*start..]), At::Begun(_));
    text.match_indices('<').map(|(start, _)| start).find(begun).map(|start| text.len() - start)
}

/// A text that has come to its end, without its tokens, and without half a one behind it.
pub(super) fn without_tokens(text: &str) -> String {
    let mut left = text.to_owned();
    while let Some(Token { start, length, .. }) = find_token(&left) {
        left.replace_range(start..start + length, "");
    }
    let half = |start: &usize| matches!(at(&left[*start..]), At::Begun(true));
    if let Some(start) = left.match_indices('<').map(|(start, _)| start).find(half) {
        left.truncate(start);
    }
    left
}

/// `text` begins with an angle bracket.
fn at(text: &str) -> At<'_> {
    let is_bar = |character: char| matches!(character, '|' | '｜');
    let in_name =
        |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '/' | '▁');
    let inner = &text['<'.len_utf8()..];
    let named = inner.strip_prefix(is_bar);
    let has_bar = named.is_some();
    let named = named.unwrap_or(inner);
    let length = named.find(|character| !in_name(character)).unwrap_or(named.len());
    let (name, rest) = named.split_at(length);
    let is_no_name = !has_bar && name.starts_with(|first: char| !first.is_alphabetic());
    if name.chars().count() > LONGEST_NAME || is_no_name {
        return At::Text;
    }
    let behind = rest.strip_prefix(is_bar);
    let end = behind.unwrap_or(rest);
    let is_token = has_bar || behind.is_some() || WITHOUT_BARS.contains(&name);
    if end.is_empty() {
        At::Begun(has_bar)
    } else if end.starts_with('>') && is_token && !name.is_empty() {
        let length = text.len() - end.len() + '>'.len_utf8();
        At::Token(Token { start: 0, length, name, opens: behind.is_none() || has_bar })
    } else {
        At::Text
    }
}

/// The header with which a text begins, once it is known; `is_all`: nothing comes any more.
pub(super) fn header(text: &str, is_all: bool) -> Option<Header<'_>> {
    let mut from = 0;
    let token = loop {
        match find_token(&text[from..]) {
            Some(token) if token.is_one_of(&WITHIN_HEADER) => from += token.start + token.length,
            token => break token.map(|token| Token { start: from + token.start, ..token }),
        }
    };
    let line = text.find('\n').filter(|line| *line <= LONGEST_HEADER);
    match token.filter(|token| token.start <= LONGEST_HEADER) {
        Some(token) if token.is_one_of(&END_HEADER) && line.is_none_or(|line| token.start < line) => {
            let (meant_for, _) = words(&text[..token.start], false);
            return Some(Header { end: token.start + token.length, meant_for });
        }
        None if line.is_none() && text.len() <= LONGEST_HEADER && !is_all => return None,
        _ => {}
    }
    // Without its end, it has no more than its words.
    let whole = line.unwrap_or(text.len()).min(token.map_or(text.len(), |token| token.start));
    let (meant_for, end) = words(&text[..whole], true);
    Some(Header { end, meant_for })
}

/// What the words of a header say, and where they end; `only`: the first one that is none ends them.
fn words(text: &str, only: bool) -> (MeantFor<'_>, usize) {
    let (mut meant_for, mut at) = (MeantFor::Caller, 0);
    while at < text.len() {
        let rest = &text[at..];
        let space = rest.len() - rest.trim_start().len();
        if space > 0 {
            at += space;
            continue;
        }
        if let Some(token) = find_token(rest).filter(|token| token.start == 0) {
            at += token.length;
            continue;
        }
        let mut following = rest.char_indices().skip(1);
        let length = following.find(|(_, next)| next.is_whitespace() || *next == '<');
        let word = &rest[..length.map_or(rest.len(), |(length, _)| length)];
        let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        if let Some(tool) = word.strip_prefix("to=") {
            meant_for = MeantFor::Tool(tool.strip_prefix("functions.").unwrap_or(tool));
        } else if is(&UNSAID) {
            if meant_for == MeantFor::Caller {
                meant_for = MeantFor::Nobody;
            }
        } else if only && !is(&SAID) {
            break;
        }
        at += word.len();
    }
    (meant_for, at)
}
