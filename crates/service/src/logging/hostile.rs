//! Lines of the log, whatever is in them.

use std::io::Write as _;

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter as _;

use super::LogFormat;
use super::line::Lines;

/// Most bytes of a line, with its end.
const LONGEST: usize = 4 * 1024 + 1;

const ADDRESS: &str = "zoe.quux@example.com";

/// An event whose text is that, with an e-mail address in it, in both forms.
///
/// # Panics
/// When it is not one line, or shows the address.
pub(crate) fn line(text: &str) {
    let (before, after) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let text = format!("{before} {ADDRESS} {after}");
    let event = json!({"level": "INFO", "message": text, "fields": {"reason": [text]}}).to_string();
    let json = written(&event, LogFormat::Json);
    let read: Value = serde_json::from_str(&json).expect("read a line");
    assert_eq!(read["level"], "INFO");
    for line in [json, written(&text, LogFormat::Plain)] {
        assert!(line.len() <= LONGEST && line.ends_with('\n'), "{} bytes", line.len());
        assert!(!line.trim_end_matches('\n').contains(char::is_control), "{line:?}");
        // Whole: what has no domain with a dot, such as the name alone, is no address.
        assert!(!line.contains(ADDRESS), "{line:?}");
    }
}

fn written(text: &str, format: LogFormat) -> String {
    let lines = Lines { inner: Vec::<u8>::new, format, coloured: false };
    let mut line = lines.make_writer();
    line.write_all(text.as_bytes()).expect("write a line");
    String::from_utf8(line.inner).expect("read a line")
}
