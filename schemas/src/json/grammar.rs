//! The grammar of RFC 8259, walked without recursion: nesting costs a bit of memory a level, and never the stack.

/// What a text must have next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    /// The first element of an array, or its end.
    ElementOrEnd,
    /// The first name of an object, or its end.
    NameOrEnd,
    Name,
    /// A comma, or the end of what is open.
    CommaOrEnd,
}

/// Checks that a text is one JSON value with nothing but white space around it; the place of the first byte that does not
/// belong, which is the length of the text where that ends too early.
pub(super) fn check(text: &[u8]) -> Result<(), usize> {
    let mut open = OpenContainers::default();
    let mut expected = Expected::Value;
    let mut at = 0;
    loop {
        at = skip_white_space(text, at);
        let Some(&byte) = text.get(at) else {
            let is_whole = expected == Expected::CommaOrEnd && open.is_empty();
            return if is_whole { Ok(()) } else { Err(at) };
        };
        expected = match (expected, byte) {
            (Expected::ElementOrEnd, b']') | (Expected::NameOrEnd, b'}') => {
                open.pop();
                at += 1;
                Expected::CommaOrEnd
            }
            (Expected::Value | Expected::ElementOrEnd, b'{') => {
                open.push(true);
                at += 1;
                Expected::NameOrEnd
            }
            (Expected::Value | Expected::ElementOrEnd, b'[') => {
                open.push(false);
                at += 1;
                Expected::ElementOrEnd
            }
            (Expected::Value | Expected::ElementOrEnd, _) => {
                at = scalar(text, at)?;
                Expected::CommaOrEnd
            }
            (Expected::Name | Expected::NameOrEnd, b'"') => {
                at = skip_white_space(text, string(text, at)?);
                if text.get(at) != Some(&b':') {
                    return Err(at);
                }
                at += 1;
                Expected::Value
            }
            (Expected::CommaOrEnd, b',') if !open.is_empty() => {
                at += 1;
                if open.is_in_object() { Expected::Name } else { Expected::Value }
            }
            (Expected::CommaOrEnd, b'}') if open.is_in_object() => {
                open.pop();
                at += 1;
                Expected::CommaOrEnd
            }
            (Expected::CommaOrEnd, b']') if !open.is_empty() && !open.is_in_object() => {
                open.pop();
                at += 1;
                Expected::CommaOrEnd
            }
            _ => return Err(at),
        };
    }
}

/// Where the white space from here on ends.
pub(super) fn skip_white_space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Where the value that begins here ends, in a text that was checked.
pub(super) fn skip_value(text: &[u8], mut at: usize) -> usize {
    let mut open = 0_usize;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = skip_string(text, at),
            b'{' | b'[' => {
                open += 1;
                at += 1;
            }
            b'}' | b']' => {
                open = open.saturating_sub(1);
                at += 1;
            }
            _ if open > 0 => {
                at += 1;
                continue;
            }
            _ => {
                let rest = text.get(at..).unwrap_or_default();
                return at + rest.iter().take_while(|byte| !b",]} \t\n\r".contains(byte)).count();
            }
        }
        if open == 0 {
            break;
        }
    }
    at
}

/// Where the string that begins here ends, in a text that was checked.
pub(super) fn skip_string(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        match text.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return text.len(),
        }
    }
}

fn scalar(text: &[u8], at: usize) -> Result<usize, usize> {
    match text.get(at) {
        Some(b'"') => string(text, at),
        Some(b'-' | b'0'..=b'9') => number(text, at),
        Some(b't') => literal(text, at, b"true"),
        Some(b'f') => literal(text, at, b"false"),
        Some(b'n') => literal(text, at, b"null"),
        _ => Err(at),
    }
}

fn literal(text: &[u8], at: usize, wanted: &[u8]) -> Result<usize, usize> {
    let same =
        text.get(at..).unwrap_or_default().iter().zip(wanted).take_while(|(is, want)| is == want).count();
    if same == wanted.len() { Ok(at + same) } else { Err(at + same) }
}

fn string(text: &[u8], at: usize) -> Result<usize, usize> {
    let mut at = at + 1;
    loop {
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(text, at + 1)?,
            Some(0..=0x1f) | None => return Err(at),
            Some(_) => at += 1,
        }
    }
}

/// What follows a backslash.
fn escape(text: &[u8], at: usize) -> Result<usize, usize> {
    match text.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
        Some(b'u') => {
            let digits = text.get(at + 1..).unwrap_or_default().iter().take(4);
            let digits = digits.take_while(|byte| byte.is_ascii_hexdigit()).count();
            if digits == 4 { Ok(at + 5) } else { Err(at + 1 + digits) }
        }
        _ => Err(at),
    }
}

fn number(text: &[u8], at: usize) -> Result<usize, usize> {
    let mut at = if text.get(at) == Some(&b'-') { at + 1 } else { at };
    at = if text.get(at) == Some(&b'0') { at + 1 } else { digits(text, at)? };
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Ok(at)
}

/// At least one digit.
fn digits(text: &[u8], at: usize) -> Result<usize, usize> {
    let digits = text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 { Ok(at + digits) } else { Err(at) }
}

/// The arrays and objects that are open, a bit each: whether it is an object.
#[derive(Default)]
struct OpenContainers {
    bits: Vec<u64>,
    depth: usize,
}

impl OpenContainers {
    fn is_empty(&self) -> bool {
        self.depth == 0
    }

    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.bits.len() {
            self.bits.push(0);
        }
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn is_in_object(&self) -> bool {
        let Some(last) = self.depth.checked_sub(1) else { return false };
        self.bits[last / 64] >> (last % 64) & 1 == 1
    }
}
