//! The agent never passes for a human. The prompt says so to the model; this holds also where the model does not obey: what it
//! says is looked at sentence by sentence before it is spoken, and when the caller has asked, the answer is given.
//!
//! It goes by words in the languages that callers and models are likely to speak, whatever the persona's is. Where it errs,
//! the caller is told once too often.

use std::sync::LazyLock;

use regex::Regex;
use tracing::warn;

mod words;

/// Looks at one reply.
#[derive(Debug, Clone)]
pub(super) struct Disclosure {
    /// What is said in the place of a claim to be human.
    sentence: String,
    asked: Asked,
    /// The caller knows by this reply.
    said: bool,
}

/// What the caller wants to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Asked {
    /// Whether the agent is a human.
    human: bool,
    /// Whether the agent is a machine.
    machine: bool,
}

impl Disclosure {
    /// For the reply to what the caller has said.
    pub(super) fn new(sentence: &str, caller_said: &str) -> Self {
        Self { sentence: sentence.to_owned(), asked: Asked::by(caller_said), said: false }
    }

    /// What is spoken in the place of the model's next sentence.
    pub(super) fn check(&mut self, sentence: String) -> Vec<String> {
        let is_asked = self.asked != Asked::default();
        let rest = self.asked.without_short_answer(&sentence);
        let words = normal(rest);
        if claims_to_be_human(&words) || is_asked && claims_elliptically(&words) {
            warn!("the model claims to be a human: the caller is told what it is");
            return self.disclose().into_iter().collect();
        }
        if discloses(&words) {
            self.said = true;
            return vec![sentence];
        }
        if !is_asked || self.said {
            return vec![sentence];
        }
        let rest = (!words.is_empty()).then(|| rest.to_owned());
        self.disclose().into_iter().chain(rest).collect()
    }

    /// What is still to be said when the model has said all.
    pub(super) fn finish(&mut self) -> Option<String> {
        if self.asked == Asked::default() { None } else { self.disclose() }
    }

    fn disclose(&mut self) -> Option<String> {
        (!std::mem::replace(&mut self.said, true)).then(|| self.sentence.clone())
    }
}

impl Asked {
    fn by(text: &str) -> Self {
        static HUMAN: LazyLock<Regex> = LazyLock::new(|| pattern(&words::questions(words::HUMANS)));
        static MACHINE: LazyLock<Regex> = LazyLock::new(|| pattern(&words::questions(words::ASKED_MACHINES)));
        let words = normal(text);
        let has = |questions: &[&str]| questions.iter().any(|question| words.contains(question));
        Self {
            human: HUMAN.is_match(&words) || has(&words::ASKED_FOR_HUMAN),
            machine: MACHINE.is_match(&words) || has(&words::ASKED_FOR_MACHINE),
        }
    }

    /// The sentence without a yes or no in front of it that would be a lie.
    fn without_short_answer(self, sentence: &str) -> &str {
        let mut rest = sentence;
        loop {
            let end = rest.find([',', '.', '!', '?', ';', ':', '–', '—']).unwrap_or(rest.len());
            let (clause, later) = rest.split_at(end);
            let words = normal(clause);
            let is_only = |answers: &[&str]| {
                !words.is_empty()
                    && words.split(' ').all(|word| answers.contains(&word) || words::AND_SO.contains(&word))
            };
            let lies = self.human && is_only(&words::YES) || self.machine && is_only(&words::NO);
            if !lies {
                return rest;
            }
            rest = later.trim_start_matches(|character: char| !character.is_alphanumeric());
        }
    }
}

fn claims_to_be_human(words: &str) -> bool {
    static CLAIMS: LazyLock<Regex> = LazyLock::new(|| pattern(&words::claims()));
    static DENIALS: LazyLock<Regex> = LazyLock::new(|| pattern(&words::denials()));
    let claims = |found: regex::Captures<'_>| {
        let follows = found.name("next").map_or("", |next| next.as_str().trim());
        found.name("not").is_none() && !words::OTHER_THINGS.contains(&follows)
    };
    CLAIMS.captures_iter(words).any(claims)
        || DENIALS.captures_iter(words).any(claims)
        || claims_in_passing(words)
        || words::SENTENCES.iter().any(|sentence| words.contains(sentence))
}

/// With other words between: «I am Sarah, a real person.», «I am totally not a bot.»
fn claims_in_passing(words: &str) -> bool {
    static CLAIMS: LazyLock<Regex> = LazyLock::new(|| pattern(&words::claims_in_passing()));
    static DENIALS: LazyLock<Regex> = LazyLock::new(|| pattern(&words::denials_in_passing()));
    static OF_THE_LINE: LazyLock<Regex> = LazyLock::new(|| pattern(words::CLAIMS_OF_THE_LINE));
    let claims = |found: regex::Captures<'_>| {
        let follows = found.name("next").map_or("", |next| next.as_str().trim());
        !words::is_about_others(&found["between"]) && !words::OTHER_THINGS.contains(&follows)
    };
    CLAIMS.captures_iter(words).any(claims)
        || DENIALS.captures_iter(words).any(claims)
        || OF_THE_LINE.is_match(words)
}

/// Without a subject, in answer to a question: «Human, of course.», «No robots here.»
fn claims_elliptically(words: &str) -> bool {
    static CLAIMS: LazyLock<Regex> = LazyLock::new(|| pattern(words::ELLIPTICAL));
    CLAIMS.is_match(words)
}

fn discloses(words: &str) -> bool {
    static DISCLOSES: LazyLock<Regex> = LazyLock::new(|| pattern(&words::disclosures()));
    DISCLOSES.is_match(words)
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns of this file are tested")
}

/// Small letters, whole words, one space between two.
fn normal(text: &str) -> String {
    let text = text.to_lowercase().replace(['’', '‘', '`', '´'], "'");
    let text = [("'m", " am"), ("'re", " are"), ("n't", " not"), ("'s", " is")]
        .iter()
        .fold(text, |text, (short, long)| text.replace(short, long));
    let letters: String =
        text.chars().map(|character| if character.is_alphanumeric() { character } else { ' ' }).collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
