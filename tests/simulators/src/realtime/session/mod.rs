//! What a session is set to, in either form, and what it refuses.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::protocol::{error, event, id};
use crate::openai::settings::Settings;
use crate::streaming::Turns;

/// What a client sends, Hz.
pub(super) const SAMPLE_RATE: u32 = 24_000;
/// Speech between two partial transcripts of speaches.
const PARTIAL: Duration = Duration::from_millis(500);
/// Models that end no utterance by themselves, and whose words come while they are said.
const LIVE: [&str; 2] = ["gpt-live-transcribe", "gpt-realtime-whisper"];
/// Models that take several languages and keywords, and say which language they heard.
const WITH_HINTS: [&str; 2] = ["gpt-transcribe", "gpt-live-transcribe"];

/// Whose form it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    OpenAi,
    Speaches,
}

/// A session, with its settings as they are on the wire.
pub(super) struct Session {
    form: Form,
    settings: Value,
}

impl Session {
    pub(super) fn openai() -> Self {
        let settings = json!({
            "id": id("sess"), "object": "realtime.transcription_session", "type": "transcription", "include": null,
            "audio": { "input": {
                "format": { "type": "audio/pcm", "rate": SAMPLE_RATE }, "transcription": null, "noise_reduction": null,
                "turn_detection": {
                    "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
                },
            } },
        });
        Self { form: Form::OpenAi, settings }
    }

    pub(super) fn speaches(model: String, language: Option<String>) -> Self {
        let settings = json!({
            "id": id("sess"), "model": "gpt-4o-realtime-preview", "modalities": ["audio", "text"],
            "input_audio_format": "pcm16", "output_audio_format": "pcm16",
            "input_audio_transcription": { "model": model, "language": language },
            "turn_detection": {
                "type": "server_vad", "threshold": 0.6, "prefix_padding_ms": 300, "silence_duration_ms": 350,
                "create_response": false,
            },
        });
        Self { form: Form::Speaches, settings }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn created(&self) -> Value {
        event("session.created", json!({ "session": self.settings }))
    }

    pub(super) fn updated(&self) -> Value {
        event("session.updated", json!({ "session": self.settings }))
    }

    /// When utterances end.
    pub(super) fn turns(&self, settings: &Settings) -> Turns {
        let silence = self.turn_detection()["silence_duration_ms"].as_u64().map(Duration::from_millis);
        let turns = Turns { endpointing: silence, ..Turns::of(settings) };
        match self.form {
            Form::OpenAi => turns,
            Form::Speaches => Turns { interim: PARTIAL, ..turns },
        }
    }

    /// Whether utterances end by themselves.
    pub(super) fn detects_turns(&self) -> bool {
        !self.turn_detection().is_null()
    }

    /// Whether a commit of speech fails before its end was heard.
    pub(super) fn needs_ends(&self) -> bool {
        self.form == Form::Speaches && self.detects_turns()
    }

    /// Whether words come while they are said.
    pub(super) fn is_live(&self) -> bool {
        self.form == Form::OpenAi && begins_with_any(self.model(), &LIVE)
    }

    pub(super) fn names_languages(&self) -> bool {
        self.form == Form::OpenAi && begins_with_any(self.model(), &WITH_HINTS)
    }

    /// Whether a model was named; without one nothing is transcribed.
    pub(super) fn transcribes(&self) -> bool {
        !self.model().is_empty()
    }

    /// Changes what is given. What is refused is answered, one event for each; at OpenAI nothing is changed then.
    pub(super) fn update(&mut self, changes: &Value) -> Vec<Value> {
        match self.form {
            Form::OpenAi => match self.check(changes) {
                Ok(changes) => {
                    merge(&mut self.settings["audio"]["input"], changes);
                    Vec::new()
                }
                Err((code, message)) => vec![error(Some(code), &message)],
            },
            Form::Speaches => self.update_flat(changes),
        }
    }

    /// The audio input that an update leads to.
    fn check(&self, changes: &Value) -> Result<Map<String, Value>, (&'static str, String)> {
        only(changes, "session", &["type", "audio", "include"])?;
        if changes["type"] != "transcription" {
            return Err(invalid(
                "Passing a realtime session update event to a transcription session is not allowed.",
            ));
        }
        only(&changes["audio"], "session.audio", &["input"])?;
        let input = &changes["audio"]["input"];
        only(
            input,
            "session.audio.input",
            &["format", "transcription", "turn_detection", "noise_reduction"],
        )?;
        let transcription = &input["transcription"];
        let hints = ["model", "language", "languages", "prompt", "keywords", "delay"];
        only(transcription, "session.audio.input.transcription", &hints)?;
        let format = &input["format"];
        if !format.is_null() && *format != json!({ "type": "audio/pcm", "rate": SAMPLE_RATE }) {
            return Err(invalid("session.audio.input.format is audio/pcm with a rate of 24000."));
        }
        let model = transcription["model"].as_str().unwrap_or_else(|| self.model());
        let hinted = !transcription["languages"].is_null() || !transcription["keywords"].is_null();
        if hinted && !begins_with_any(model, &WITH_HINTS) {
            return Err(invalid(&format!("'languages' and 'keywords' are not supported by {model}.")));
        }
        let mut input = input.as_object().cloned().unwrap_or_default();
        if begins_with_any(model, &LIVE) {
            if input.get("turn_detection").is_some_and(|detection| !detection.is_null()) {
                return Err(invalid(&format!("Turn detection is not supported by {model}.")));
            }
            input.insert("turn_detection".to_owned(), Value::Null);
        }
        Ok(input)
    }

    fn update_flat(&mut self, changes: &Value) -> Vec<Value> {
        let mut changes = changes.as_object().cloned().unwrap_or_default();
        let mut refused = Vec::new();
        for field in ["input_audio_format", "output_audio_format"] {
            refused.extend(changes.remove(field).map(|_| format!("session.{field}")));
        }
        let detection = changes.get_mut("turn_detection").and_then(Value::as_object_mut);
        let padding = detection.and_then(|detection| detection.remove("prefix_padding_ms"));
        refused.extend(padding.map(|_| "session.turn_detection.prefix_padding_ms".to_owned()));
        // What there is not is passed over.
        changes.retain(|field, _| self.settings.get(field).is_some());
        merge(&mut self.settings, changes);
        let message = |field: String| {
            format!(
                "Specifying `{field}` is not supported. The server either does not support this field or it is not configurable."
            )
        };
        refused.into_iter().map(|field| error(None, &message(field))).collect()
    }

    fn model(&self) -> &str {
        let transcription = match self.form {
            Form::OpenAi => &self.settings["audio"]["input"]["transcription"],
            Form::Speaches => &self.settings["input_audio_transcription"],
        };
        transcription["model"].as_str().unwrap_or_default()
    }

    fn turn_detection(&self) -> &Value {
        match self.form {
            Form::OpenAi => &self.settings["audio"]["input"]["turn_detection"],
            Form::Speaches => &self.settings["turn_detection"],
        }
    }
}

/// A field that is left out keeps its value, in objects too.
fn merge(settings: &mut Value, changes: Map<String, Value>) {
    for (field, change) in changes {
        match (change, &mut settings[&field]) {
            (Value::Object(change), setting @ Value::Object(_)) => merge(setting, change),
            (change, setting) => *setting = change,
        }
    }
}

fn only(object: &Value, path: &str, fields: &[&str]) -> Result<(), (&'static str, String)> {
    let unknown =
        object.as_object().and_then(|object| object.keys().find(|field| !fields.contains(&field.as_str())));
    unknown
        .map_or(Ok(()), |field| Err(("unknown_parameter", format!("Unknown parameter: '{path}.{field}'."))))
}

fn invalid(message: &str) -> (&'static str, String) {
    ("invalid_value", message.to_owned())
}

fn begins_with_any(model: &str, names: &[&str]) -> bool {
    names.iter().any(|name| model.starts_with(name))
}

#[cfg(test)]
mod tests;
