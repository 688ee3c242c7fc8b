//! The little of a persona that the services need: what is asked, and what callers answer.

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::Value;

/// Whose answers are expected. Everything else in a persona's file is ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct Persona {
    /// Language tag, such as `en`.
    pub language: String,
    /// Name of the voice; it is taken beside OpenAI's names.
    pub voice: String,
    /// What is to be found out, in the order of the questions.
    #[serde(default)]
    pub signals: Vec<Signal>,
}

/// One thing to be found out.
#[derive(Debug, Clone, Deserialize)]
pub struct Signal {
    /// Its name, as in the tool's schema.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: SignalKind,
    /// The values of an enum.
    #[serde(default)]
    pub values: Vec<String>,
    /// Answers and what they mean.
    #[serde(default)]
    pub examples: Vec<Example>,
}

/// What a signal's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignalKind {
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of the signal's values.
    Enum,
}

/// An answer and what it means.
#[derive(Debug, Clone, Deserialize)]
pub struct Example {
    /// What the caller says.
    pub says: String,
    /// The value that is meant.
    pub value: Value,
}

impl Persona {
    /// Reads a persona's file.
    ///
    /// # Errors
    /// No TOML, a field of the wrong type, or a language that the recogniser does not know.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let persona: Self = toml::from_str(text).context("read persona")?;
        let english = persona.language.split('-').next() == Some("en");
        ensure!(english, "the offline recogniser hears English only: set `language = \"en\"`");
        Ok(persona)
    }

    /// The signal of that name.
    pub(crate) fn signal(&self, name: &str) -> Option<&Signal> {
        self.signals.iter().find(|signal| signal.name == name)
    }
}

impl Signal {
    /// Whether its values are numbers.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self.kind, SignalKind::Integer | SignalKind::Number)
    }
}
