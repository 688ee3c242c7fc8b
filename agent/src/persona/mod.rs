//! A persona: who the agent is, what it is to discover, which tools it may call, and which answers make which tier.
//!
//! A persona is one TOML file. [`Persona::parse`] is pure and finds all faults of a file at once; what it returns needs no
//! further check. What comes from a model passes [`Persona::validate_signals`], and the tier comes from
//! [`Persona::qualify`] alone.

pub mod arguments;
pub mod check;
mod disclosure;
mod http_tool;
mod kind;
mod one_moment;
mod prompt;
mod qualification;
mod rules;
mod signal;
#[cfg(test)]
mod tests;
mod turn_taking;
mod vocabulary;

use serde_json::{Map, Value, json};
use service::document::{self, Fault, Faults, Placed, Section};

pub use http_tool::{BUILT_IN, HttpTool};
pub use kind::Kind;
pub use qualification::Qualification;
pub use signal::{Example, Signal};
pub use turn_taking::TurnTakingSettings;

/// The persona of an agent that is given no other.
pub const DEFAULT: &str = include_str!("../../personas/pandadoc-trial.toml");

/// What the voice may be slowed down or sped up to; the limits of OpenAI's wire format.
const SPEAKING_RATES: std::ops::RangeInclusive<f64> = 0.25..=4.0;

const KEYS: [&str; 17] = [
    "name",
    "language",
    "voice",
    "speaking_rate",
    "instructions",
    "greeting",
    "still_there",
    "one_moment",
    "apology",
    "goodbye",
    "time_is_up",
    "disclosure",
    "vocabulary",
    "turn_taking",
    "signals",
    "tools",
    "qualification",
];

/// What is said where the file has no `time_is_up`.
const TIME_IS_UP: &str = "I am sorry, our time is up. Thank you for calling. Goodbye!";

/// A persona without faults.
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    name: String,
    language: String,
    voice: Voice,
    instructions: String,
    greeting: String,
    still_there: String,
    one_moment: String,
    apology: String,
    goodbye: String,
    time_is_up: String,
    disclosure: String,
    vocabulary: String,
    turn_taking: TurnTakingSettings,
    signals: Vec<Signal>,
    tools: Vec<HttpTool>,
    qualification: Qualification,
}

/// How the agent sounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// The provider's name of the voice.
    pub name: String,
    /// Speed as a multiple of the voice's own, 0.25 to 4; the provider's own where there is none.
    pub speaking_rate: Option<f64>,
}

impl Persona {
    /// Reads a persona's file.
    ///
    /// # Errors
    /// All faults of the file, in the order of its lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new(text);
        let persona = read(text, &mut faults);
        faults.finish(persona)
    }

    /// The persona's name, an identifier of 64 characters at most.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The language that is spoken, as ISO 639 has it, such as `en`.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// How the agent sounds.
    pub fn voice(&self) -> &Voice {
        &self.voice
    }

    /// What the agent says first.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// What it asks a caller who has been silent for long.
    pub fn still_there(&self) -> &str {
        &self.still_there
    }

    /// What it says before a reply that takes long.
    pub fn one_moment(&self) -> &str {
        &self.one_moment
    }

    /// What it says where a provider fails.
    pub fn apology(&self) -> &str {
        &self.apology
    }

    /// What it says where it ends the call by itself.
    pub fn goodbye(&self) -> &str {
        &self.goodbye
    }

    /// What it says where the call has lasted, or cost, as much as a call may.
    pub fn time_is_up(&self) -> &str {
        &self.time_is_up
    }

    /// What it says of itself in the place of a claim to be human, and to who asks: that it is an AI.
    pub fn disclosure(&self) -> &str {
        &self.disclosure
    }

    /// Names that callers are likely to say, spelled as people spell them, for recognisers that take a prompt; may be empty.
    pub fn vocabulary(&self) -> &str {
        &self.vocabulary
    }

    /// The times that turns go by, as far as the persona sets them.
    pub fn turn_taking(&self) -> &TurnTakingSettings {
        &self.turn_taking
    }

    /// What it is to discover, one signal at least, in the order of asking.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// Tools beside the built-in ones.
    pub fn tools(&self) -> &[HttpTool] {
        &self.tools
    }

    /// The rules of the tiers.
    pub fn qualification(&self) -> &Qualification {
        &self.qualification
    }

    /// The tier of what was discovered. `signals` are values that [`Self::validate_signals`] accepted; others, a
    /// `qualification_tier` included, change nothing.
    pub fn qualify(&self, signals: &Map<String, Value>) -> &str {
        self.qualification.tier(signals)
    }

    /// JSON Schema of the arguments of `record_signals`. It has no field for the tier.
    pub fn record_signals_schema(&self) -> Value {
        let property = |signal: &Signal| {
            let mut schema = signal.kind.schema();
            schema.insert("description".to_owned(), signal.question.as_str().into());
            (signal.name.clone(), Value::Object(schema))
        };
        let properties: Map<_, _> = self.signals.iter().map(property).collect();
        json!({"type": "object", "properties": properties, "additionalProperties": false})
    }

    /// Takes the values of a call of `record_signals`: those that are fit are accepted even where others are not.
    /// A `null` says that nothing is known, so it is neither. The second list has the name and why it was rejected,
    /// fit to be handed to the model, without the value.
    pub fn validate_signals(&self, arguments: &Value) -> (Map<String, Value>, Vec<(String, String)>) {
        let mut accepted = Map::new();
        let mut rejected = Vec::new();
        let Some(arguments) = arguments.as_object() else {
            return (accepted, vec![("arguments".to_owned(), "wanted an object".to_owned())]);
        };
        for (name, value) in arguments.iter().filter(|(_, value)| !value.is_null()) {
            let signal = self.signals.iter().find(|signal| signal.name == *name);
            match signal.map(|signal| signal.kind.accept(value)) {
                Some(Ok(value)) => {
                    accepted.insert(name.clone(), value);
                }
                Some(Err(why)) => rejected.push((name.clone(), why)),
                None => rejected.push((short(name), "there is no such signal".to_owned())),
            }
        }
        (accepted, rejected)
    }
}

/// A name that a model made up may have any length.
fn short(name: &str) -> String {
    name.chars().take(64).collect()
}

fn read(text: &str, faults: &mut Faults<'_>) -> Option<Persona> {
    let mut file = Section::of_file("the persona", text, faults);
    let name = read_name(&mut file, faults);
    let language = read_language(&mut file, faults);
    let voice = file.text("voice", faults);
    let speaking_rate = read_speaking_rate(&mut file, faults);
    let [instructions, greeting, still_there, apology, goodbye] =
        ["instructions", "greeting", "still_there", "apology", "goodbye"].map(|key| file.text(key, faults));
    let time_is_up =
        file.optional_text("time_is_up", faults).map_or(TIME_IS_UP.to_owned(), |text| text.value);
    let disclosure = file.optional_text("disclosure", faults).map(|text| text.value);
    let one_moment = file.optional_text("one_moment", faults).map(|text| text.value);
    let vocabulary = vocabulary::read(&mut file, faults);
    let turn_taking = turn_taking::read(&mut file, faults);
    let (signals, declared) = signal::read(&mut file, faults);
    let tools = http_tool::read(&mut file, faults);
    let qualification = rules::read(&mut file, &declared, faults);
    file.finish(&KEYS, faults);
    let language = language?;
    Some(Persona {
        name: name?,
        voice: Voice { name: voice?.value, speaking_rate },
        instructions: instructions?.value,
        greeting: greeting?.value,
        apology: apology?.value,
        still_there: still_there?.value,
        goodbye: goodbye?.value,
        time_is_up,
        one_moment: one_moment.unwrap_or_else(|| one_moment::in_language(&language).to_owned()),
        vocabulary,
        turn_taking,
        disclosure: disclosure.unwrap_or_else(|| disclosure::in_language(&language).to_owned()),
        language,
        signals,
        tools,
        qualification: qualification?,
    })
}

fn read_name(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<String> {
    let Placed { at, value } = file.text("name", faults)?;
    if !document::is_identifier(&value) {
        faults.add(at, format!("`{value}` cannot be a persona's name: {}", document::IDENTIFIER));
        return None;
    }
    Some(value)
}

fn read_language(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<String> {
    let Placed { at, value } = file.text("language", faults)?;
    let is_code = (2..=3).contains(&value.len()) && value.chars().all(|letter| letter.is_ascii_lowercase());
    if !is_code {
        faults.add(at, "`language` has to be a code of two or three small letters, such as \"en\"");
        return None;
    }
    Some(value)
}

fn read_speaking_rate(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<f64> {
    let Placed { at, value } = file.number("speaking_rate", faults)?;
    let rate = value.as_f64().filter(|rate| SPEAKING_RATES.contains(rate));
    if rate.is_none() {
        faults.add(at, "`speaking_rate` has to be 0.25 to 4, where 1 is the voice's own");
    }
    rate
}
