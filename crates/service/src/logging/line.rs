//! What a line of the log looks like, whatever is in it: texts that somebody else chose (names, reasons, answers of servers)
//! begin no line of their own, move no cursor, show no e-mail address, and take no room without end.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::LogFormat;
use super::address::mask_addresses;

/// Most bytes of a line. A person reads no more of one, and a caller can have thirty a minute written.
const LONGEST_LINE: usize = 4 * 1024;
/// Room for the mark of a line that is cut.
const MARK: usize = 64;
/// Most bytes of each text of a JSON line that is too long, tried one after the other.
const LONGEST_TEXTS: [usize; 4] = [2_048, 512, 128, 32];

/// Writes lines in their final form.
pub(super) struct Lines<M> {
    pub(super) inner: M,
    pub(super) format: LogFormat,
    /// The formatter colours its lines. It escapes what would be a colour in a value.
    pub(super) coloured: bool,
}

/// Takes one line, as the formatter hands it over: whole, with its end.
pub(super) struct LineWriter<W> {
    pub(super) inner: W,
    format: LogFormat,
    coloured: bool,
}

impl<'writer, M: MakeWriter<'writer>> MakeWriter<'writer> for Lines<M> {
    type Writer = LineWriter<M::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        LineWriter { inner: self.inner.make_writer(), format: self.format, coloured: self.coloured }
    }
}

impl<W: Write> Write for LineWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = match self.format {
            LogFormat::Plain => plain(text, self.coloured),
            LogFormat::Json => json(text),
        };
        line.push('\n');
        self.inner.write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn plain(text: &str, coloured: bool) -> String {
    // Masked before it is cut, so that no half of an address is left.
    let masked = mask_addresses(text);
    let line =
        escaped(beginning(&masked, LONGEST_LINE), coloured, |letter| letter.escape_default().to_string());
    if line.len() <= LONGEST_LINE && masked.len() <= LONGEST_LINE {
        return line;
    }
    let end = if coloured { "\u{1b}[0m" } else { "" };
    format!("{}{end}… (cut, of {} bytes)", beginning(&line, LONGEST_LINE - MARK), text.len())
}

/// Stays JSON: its texts are cut, not the line.
fn json(text: &str) -> String {
    // As they stand within JSON's quotes. What is below U+0020 is escaped there already.
    let escape = |text: &str| {
        escaped(text, false, |letter| {
            let mut units = [0; 2];
            letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        })
    };
    if text.len() <= LONGEST_LINE && matches!(mask_addresses(text), Cow::Borrowed(_)) {
        let line = escape(text);
        if line.len() <= LONGEST_LINE {
            return line;
        }
    }
    let Ok(line) = serde_json::from_str::<Value>(text) else {
        return escape(&Value::from("a line of the log that is no JSON is left out").to_string());
    };
    for longest in LONGEST_TEXTS {
        let line = escape(&shortened(&line, longest).to_string());
        if line.len() <= LONGEST_LINE {
            return line;
        }
    }
    let kept = ["timestamp", "level", "target"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), line.get(key)?.clone())));
    let message = ("message".to_owned(), Value::from(format!("a line of {} bytes is left out…", text.len())));
    escape(&Value::Object(kept.chain([message]).collect()).to_string())
}

/// Each text of a value masked, and no longer than that.
fn shortened(value: &Value, longest: usize) -> Value {
    match value {
        Value::String(text) => {
            let masked = mask_addresses(text);
            if masked.len() <= longest {
                return Value::String(masked.into_owned());
            }
            Value::String(format!("{}… (cut, of {} bytes)", beginning(&masked, longest), text.len()))
        }
        Value::Array(values) => values.iter().map(|value| shortened(value, longest)).collect(),
        Value::Object(fields) => {
            let shorter = |(key, value): (&String, &Value)| (key.clone(), shortened(value, longest));
            Value::Object(fields.iter().map(shorter).collect())
        }
        other => other.clone(),
    }
}

fn beginning(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Without what moves a cursor, ends a line, or turns the direction of writing.
fn escaped(text: &str, coloured: bool, escape: impl Fn(char) -> String) -> String {
    let mut line = String::with_capacity(text.len() + 1);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let colour = if coloured { colour(rest) } else { 0 };
        if colour > 0 {
            line.push_str(&rest[..colour]);
            rest = &rest[colour..];
            continue;
        }
        if letter.is_control() || turns(letter) {
            line.push_str(&escape(letter));
        } else {
            line.push(letter);
        }
        rest = &rest[letter.len_utf8()..];
    }
    line
}

/// Bytes of a colour that a text begins with.
fn colour(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else { return 0 };
    let numbers =
        rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';').len();
    if rest[numbers..].starts_with('m') { 2 + numbers + 1 } else { 0 }
}

/// Ends of lines and paragraphs, and marks of direction.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_of_the_formatter_stay() {
        assert_eq!(
            plain("\u{1b}[32m INFO\u{1b}[0m x\u{1b}[2J", true),
            "\u{1b}[32m INFO\u{1b}[0m x\\u{1b}[2J"
        );
        assert_eq!(plain("\u{1b}[32m INFO", false), "\\u{1b}[32m INFO");
    }

    #[test]
    fn a_line_without_room_for_its_fields_says_so() {
        let fields: serde_json::Map<_, _> =
            (0..2_000).map(|number| (format!("field-{number}"), Value::from(number))).collect();
        let mut line = Value::Object(fields);
        line["level"] = Value::from("WARN");
        let line: Value = serde_json::from_str(&json(&line.to_string())).unwrap();
        assert_eq!(line["level"], "WARN");
        assert!(line["message"].as_str().unwrap().contains("is left out"));
    }

    proptest! {
        #[test]
        fn any_text_is_one_line(text in "(\\PC|\\p{Cc}|[@.a-z\u{2028}\u{202e}]){0,200}", times in 1_usize..100) {
            let text = text.repeat(times);
            let in_json = serde_json::json!({"message": text, "level": "INFO"}).to_string();
            for line in [plain(&text, false), json(&in_json)] {
                prop_assert!(line.len() <= LONGEST_LINE, "{} bytes", line.len());
                prop_assert!(!line.contains(|letter: char| letter.is_control() || turns(letter)));
            }
            let line: Value = serde_json::from_str(&json(&in_json)).unwrap();
            prop_assert_eq!(&line["level"], "INFO");
        }
    }
}
