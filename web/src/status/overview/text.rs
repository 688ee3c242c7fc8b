//! Foreign text as it is shown: of a bounded length, and without what changes how its surroundings are read.

/// At most so many characters of a text; what is left out is an ellipsis.
pub(in crate::status) fn shown(text: &str, most: usize) -> String {
    let mut chars = text.trim().chars();
    let mut shown: String = chars.by_ref().take(most).map(visible).collect();
    if chars.next().is_some() {
        shown.pop();
        shown.push('\u{2026}');
    }
    shown
}

/// Characters that a screen obeys instead of showing them: controls, and those that turn the direction of writing.
fn visible(char: char) -> char {
    let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
    if turns || char.is_control() { '\u{fffd}' } else { char }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_and_cannot_turn_what_follows() {
        assert_eq!(shown(" room ", 4), "room");
        assert_eq!(shown("rooms", 4), "roo\u{2026}");
        assert_eq!(shown("a\u{202e}b\nc", 9), "a\u{fffd}b\u{fffd}c");
        assert_eq!(shown(&"\u{fc}".repeat(5_000), 80).chars().count(), 80);
        assert_eq!(shown("", 4), "");
    }
}
