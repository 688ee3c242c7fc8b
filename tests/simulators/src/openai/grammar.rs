//! What the recogniser listens for: the answers that a persona expects, and small talk.
//!
//! Numbers have one network of their own, with the words that stand before and behind a number in the examples: «we are
//! twelve people» makes «we are forty people» be understood.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::numbers::{self, TEENS, TENS, UNITS};
use super::persona::{Persona, SignalKind};

/// Answers to a question for yes or no.
pub const YES: [&str; 5] = ["yes", "yes please", "yes we do", "yes we are", "of course"];
/// Answers to a question for yes or no.
pub const NO: [&str; 6] = ["no", "no thank you", "no we do not", "no we are not", "not yet", "not really"];
/// How a caller ends a call.
pub const FAREWELLS: [&str; 5] = [
    "goodbye",
    "that is all",
    "thank you goodbye",
    "that is all thank you",
    "no that is all thank you goodbye",
];
/// What is said beside any question.
pub const SMALL_TALK: [&str; 14] = [
    "hello",
    "hello there",
    "good morning",
    "how are you",
    "thank you",
    "okay",
    "stop",
    "wait",
    "one moment please",
    "can you repeat that",
    "pardon",
    "what do you mean",
    "i do not know",
    "i am not sure",
];

/// The sentences that can be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    sentences: BTreeSet<String>,
    /// What stands before and behind a number; `None` where no signal is a number.
    around_numbers: Option<Around>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Around {
    before: BTreeSet<String>,
    behind: BTreeSet<String>,
}

impl Grammar {
    /// What callers of a persona say.
    pub fn new(persona: &Persona) -> Self {
        let always = [&YES[..], &NO, &FAREWELLS, &SMALL_TALK].concat().into_iter().map(str::to_owned);
        let numeric = persona.signals.iter().any(|signal| signal.is_numeric());
        let mut grammar = Self { sentences: always.collect(), around_numbers: numeric.then(Around::default) };
        for signal in &persona.signals {
            let values = signal.values.iter().filter(|_| signal.kind == SignalKind::Enum);
            for says in values.chain(signal.examples.iter().map(|example| &example.says)) {
                grammar.add(says);
            }
        }
        grammar
    }

    fn add(&mut self, says: &str) {
        let words = numbers::words(says);
        let number = numbers::first(&words);
        match (&mut self.around_numbers, number) {
            (Some(around), Some((number, _))) => {
                around.before.insert(words[..number.start].join(" "));
                around.behind.insert(words[number.end..].join(" "));
            }
            _ if words.is_empty() => {}
            _ => {
                self.sentences.insert(words.join(" "));
            }
        }
    }

    /// Every word that can be heard.
    pub(crate) fn words(&self) -> BTreeSet<String> {
        let around = self.around_numbers.iter();
        let around = around.flat_map(|around| around.before.iter().chain(&around.behind)).map(String::as_str);
        let numbers = [&UNITS[..], &TEENS, &TENS, &["hundred", "thousand", "and", "a"]].concat();
        let numbers = numbers.into_iter().filter(|_| self.around_numbers.is_some());
        let texts = self.sentences.iter().map(String::as_str).chain(around).chain(numbers);
        texts.flat_map(|text| text.split_whitespace().map(str::to_owned)).collect()
    }

    /// Leaves out what has one of the words, and answers what that was.
    pub(crate) fn leave_out(&mut self, unknown: &BTreeSet<String>) -> Vec<String> {
        let mut left_out = Vec::new();
        let mut sift = |texts: &mut BTreeSet<String>| {
            texts.retain(|text| {
                let pronounced = text.split_whitespace().all(|word| !unknown.contains(word));
                if !pronounced {
                    left_out.push(text.clone());
                }
                pronounced
            });
        };
        sift(&mut self.sentences);
        if let Some(around) = &mut self.around_numbers {
            sift(&mut around.before);
            sift(&mut around.behind);
        }
        left_out
    }

    /// The grammar in the Java Speech Grammar Format.
    pub(crate) fn jsgf(&self) -> String {
        let mut text = "#JSGF V1.0;\ngrammar answers;\n".to_owned();
        let sentences = alternatives(&self.sentences);
        let Some(around) = &self.around_numbers else {
            line(&mut text, format_args!("public <answer> = {sentences};"));
            return text;
        };
        let (units, teens, tens) = (UNITS.join(" | "), TEENS.join(" | "), TENS.join(" | "));
        line(&mut text, format_args!("<unit> = {units};"));
        line(&mut text, format_args!("<small> = <unit> | {teens} | ( {tens} ) [ <unit> ];"));
        line(&mut text, format_args!("<hundreds> = ( a | <unit> ) hundred [ [ and ] <small> ];"));
        line(&mut text, format_args!("<thousands> = ( a | <small> ) thousand [ <unit> hundred ];"));
        line(&mut text, format_args!("<number> = <small> | <hundreds> | <thousands>;"));
        let side = |texts: &BTreeSet<String>| match alternatives(texts) {
            texts if texts.is_empty() => texts,
            texts => format!("[ {texts} ]"),
        };
        let (before, behind) = (side(&around.before), side(&around.behind));
        line(&mut text, format_args!("public <answer> = {before} <number> {behind} | {sentences};"));
        text
    }

    /// What was heard, without the words at its end that belong to a sentence that was not said to its end: the
    /// recogniser takes breath and noise for a short word. `None` where nothing whole is left.
    pub(crate) fn whole(&self, heard: &str) -> Option<String> {
        let words = numbers::words(heard);
        let whole = (1..=words.len()).rev().find(|length| self.has(&words[..*length]))?;
        Some(words[..whole].join(" "))
    }

    fn has(&self, words: &[String]) -> bool {
        self.sentences.contains(&words.join(" "))
            || self.around_numbers.as_ref().is_some_and(|around| around.has(words))
    }
}

impl Around {
    fn has(&self, words: &[String]) -> bool {
        (0..words.len()).any(|start| {
            let Some((length, _)) = numbers::at_start(&words[start..]) else { return false };
            let (before, behind) = (words[..start].join(" "), words[start + length..].join(" "));
            (before.is_empty() || self.before.contains(&before))
                && (behind.is_empty() || self.behind.contains(&behind))
        })
    }
}

fn alternatives(texts: &BTreeSet<String>) -> String {
    texts.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join(" | ")
}

#[expect(clippy::let_underscore_must_use, reason = "writing to a string does not fail")]
fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grammar() -> Grammar {
        let persona =
            Persona::parse(include_str!("../../tests/it/openai/persona.toml")).expect("read persona");
        Grammar::new(&persona)
    }

    #[test]
    fn numbers_of_examples_stand_for_all_numbers() {
        let grammar = grammar();
        for heard in [
            "we are twelve people",
            "we are nine hundred and one people",
            "about forty",
            "two hundred a month",
        ] {
            assert_eq!(grammar.whole(heard).as_deref(), Some(heard));
        }
    }

    #[test]
    fn what_is_not_whole_is_cut_or_not_heard() {
        let grammar = grammar();
        assert_eq!(grammar.whole("we are thirty a").as_deref(), Some("we are thirty"));
        assert_eq!(grammar.whole("no that").as_deref(), Some("no"));
        assert_eq!(grammar.whole("we are"), None);
        assert_eq!(grammar.whole(""), None);
    }

    #[test]
    fn sentences_with_words_that_nobody_can_pronounce_are_left_out() {
        let mut grammar = grammar();
        let left_out = grammar.leave_out(&BTreeSet::from(["hubspot".to_owned()]));
        assert_eq!(left_out, ["hubspot", "we use hubspot"]);
        assert_eq!(grammar.whole("we use hubspot"), None);
        assert!(!grammar.jsgf().contains("hubspot"));
    }

    #[test]
    fn without_numeric_signals_there_are_no_numbers() {
        let persona = Persona::parse("language = \"en\"\nvoice = \"alloy\"").expect("read persona");
        let grammar = Grammar::new(&persona);
        assert_eq!(grammar.whole("twelve"), None);
        assert!(!grammar.words().contains("twelve"));
        assert!(grammar.whole("goodbye").is_some());
    }
}
