//! OpenAI's Realtime transcription, and what others make of it: sound in, words out, over one WebSocket. Whether somebody
//! speaks is told by us, so that nothing but speech is sent where the server takes that.

mod items;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Provider, ProviderError};
use super::transcription::dialect::{Dialect, Said, Spoken};
use super::usage::of_transcription;
use items::Items;

const RATE: u32 = 24_000;
/// A session is ended by OpenAI some time later than this.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Models that take names as a list; the others take a text with names in it.
const WITH_KEYWORDS: [&str; 2] = ["gpt-transcribe", "gpt-live-transcribe"];

/// Whose form of it is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The model is set by a message, utterances are ended by us, and only speech is sent.
    OpenAi,
    /// The model is in the address, the server ends utterances by itself, and most of what can be set is refused.
    Speaches,
}

/// One model.
#[derive(Debug, Clone)]
pub(super) struct RealtimeStt {
    form: Form,
    model: String,
    /// Samples that were sent.
    sent: u64,
    /// Where the server counts its times from.
    counts_from: Duration,
    items: Items,
}

/// What a server sends, as far as it is read.
#[derive(Deserialize)]
struct Event {
    r#type: Option<String>,
    item_id: Option<String>,
    delta: Option<String>,
    transcript: Option<String>,
    audio_end_ms: Option<u64>,
    languages: Option<Vec<Language>>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Language {
    code: Option<String>,
}

impl RealtimeStt {
    pub(super) fn new(form: Form, model: &str) -> Self {
        Self { form, model: model.to_owned(), sent: 0, counts_from: Duration::ZERO, items: Items::default() }
    }

    fn hint(&self, transcription: &mut Value, spoken: &Spoken) {
        if !spoken.language.is_empty() {
            transcription["language"] = spoken.language.as_str().into();
        }
        if spoken.vocabulary.is_empty() {
            return;
        }
        if WITH_KEYWORDS.iter().any(|name| self.model.starts_with(name)) {
            let names: Vec<_> = spoken.vocabulary.split(", ").collect();
            transcription["keywords"] = json!(names);
        } else {
            transcription["prompt"] = spoken.vocabulary.as_str().into();
        }
    }

    /// Where the connection's sound is now.
    fn now(&self) -> Duration {
        Duration::from_secs_f64(self.sent as f64 / f64::from(RATE))
    }

    fn error(&mut self, error: Option<&Value>) -> Result<Vec<Said>, ProviderError> {
        let word = |name: &str| error.and_then(|error| error.get(name)?.as_str()).unwrap_or_default();
        // There was nothing left to be ended.
        if word("code") == "input_audio_buffer_commit_empty" {
            self.items.not_ended();
            return Ok(vec![Said::Finalized]);
        }
        // What cannot be set there stays as it is.
        if self.form == Form::Speaches && word("type") == "invalid_request_error" {
            return Ok(Vec::new());
        }
        Err(ProviderError::reported(Provider::SpeechToText, &json!({ "error": error })))
    }
}

impl Dialect for RealtimeStt {
    fn fresh(&self) -> Box<dyn Dialect> {
        Box::new(Self::new(self.form, &self.model))
    }

    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn path(&self) -> &'static str {
        "realtime"
    }

    fn query(&self, spoken: &Spoken) -> Vec<(&'static str, String)> {
        let mut query = vec![("intent", "transcription".to_owned())];
        if self.form == Form::Speaches {
            query.push(("model", self.model.clone()));
            if !spoken.language.is_empty() {
                query.push(("language", spoken.language.clone()));
            }
        }
        query
    }

    fn wants_silence(&self) -> bool {
        self.form == Form::Speaches
    }

    fn lifetime(&self) -> Option<Duration> {
        Some(LIFETIME)
    }

    fn open(&self, spoken: &Spoken) -> Option<Value> {
        if self.form == Form::Speaches {
            return None;
        }
        let mut transcription = json!({ "model": self.model });
        self.hint(&mut transcription, spoken);
        let input = json!({
            "format": { "type": "audio/pcm", "rate": RATE }, "transcription": transcription, "turn_detection": null,
        });
        let session = json!({ "type": "transcription", "audio": { "input": input } });
        Some(json!({ "type": "session.update", "session": session }))
    }

    fn audio(&mut self, samples: &[i16]) -> Value {
        self.sent += samples.len() as u64;
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes) })
    }

    fn finalize(&mut self) -> Option<Value> {
        // What it commits while it hears speech fails, and it hears the end of it as soon.
        if self.form == Form::Speaches {
            return None;
        }
        self.items.ended(self.now());
        Some(json!({ "type": "input_audio_buffer.commit" }))
    }

    /// Each item that is committed has its words, and each that speaches hears.
    fn answers(&self) -> bool {
        true
    }

    fn hears_nothing(&self) -> bool {
        self.form == Form::Speaches && self.items.are_complete()
    }

    fn close(&self) -> Option<Value> {
        None
    }

    fn read(&mut self, text: &str) -> Result<Vec<Said>, ProviderError> {
        let unreadable =
            || ProviderError::malformed(Provider::SpeechToText, "the server sent what is no JSON object");
        let event: Event = serde_json::from_str(text).map_err(|_| unreadable())?;
        let kind = event.r#type.as_deref().unwrap_or_default();
        let item = event.item_id.as_deref().unwrap_or_default();
        if !Items::is_id(item) {
            return Err(ProviderError::malformed(
                Provider::SpeechToText,
                "the name of an utterance has no end",
            ));
        }
        let item_kind = kind.strip_prefix("conversation.item.input_audio_transcription.");
        let said = match (kind, item_kind.unwrap_or_default()) {
            ("session.created", _) if self.form == Form::Speaches => vec![Said::Ready],
            ("session.updated" | "transcription_session.updated", _) => vec![Said::Ready],
            ("input_audio_buffer.speech_started", _) => {
                self.items.began(item);
                Vec::new()
            }
            ("input_audio_buffer.speech_stopped", _) => {
                let end = event.audio_end_ms.map(|end| self.counts_from + Duration::from_millis(end));
                self.items.stopped(item, end.map(|end| end.min(self.now())));
                Vec::new()
            }
            ("input_audio_buffer.committed", _) => {
                self.items.committed(item, self.now());
                // Its next utterance has a buffer of its own, which is empty now but for what is on its way.
                if self.form == Form::Speaches {
                    self.counts_from = self.now();
                }
                Vec::new()
            }
            // The whole of it, as far as it was heard.
            ("input_audio_buffer.partial_transcription", _) => {
                self.items.replace(item, &event.transcript.unwrap_or_default())
            }
            (_, "delta") => self.items.append(item, &event.delta.unwrap_or_default()),
            (_, "completed") => {
                let codes =
                    event.languages.unwrap_or_default().into_iter().filter_map(|language| language.code);
                let mut said: Vec<_> = codes.take(1).map(Said::Language).collect();
                said.extend(event.usage.as_ref().and_then(of_transcription).map(Said::Used));
                said.extend(self.items.completed(item, &event.transcript.unwrap_or_default()));
                said
            }
            (_, "failed") => {
                let body = json!({ "error": event.error });
                return Err(ProviderError::reported(Provider::SpeechToText, &body).passing());
            }
            ("error", _) => self.error(event.error.as_ref())?,
            _ => Vec::new(),
        };
        if self.items.are_too_many() {
            let what = "the words of more utterances are on their way than anybody says";
            return Err(ProviderError::malformed(Provider::SpeechToText, what));
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests;
