//! Speech to text of LiveKit Inference: `/stt`, JSON texts both ways.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::providers::error::{Provider, ProviderError};
use crate::providers::transcription::dialect::{Dialect, Said, Spoken};

/// The rate that all services behind the gateway take, but OpenAI's.
const RATE: u32 = 16_000;
const OPENAI_RATE: u32 = 24_000;
/// Models that listen for the end of a turn, and not for a pause.
const TURN_MODELS: [&str; 2] = ["deepgram/flux", "cartesia/ink-2"];
/// Where a model tells that a turn is probably over, unless it is told otherwise: from this probability on.
const EAGER: f64 = 0.5;

/// One model behind the gateway.
#[derive(Debug, Clone)]
pub(in crate::providers) struct InferenceStt {
    /// `provider/model`, with a language behind a colon where there is one.
    model: String,
    /// Options of the model's own provider.
    extra: Map<String, Value>,
    /// Models that take over where this one fails.
    fallbacks: Vec<String>,
}

/// What the gateway sends, as far as it is read.
#[derive(Deserialize)]
struct Message {
    r#type: Option<String>,
    transcript: Option<String>,
    language: Option<String>,
    start: Option<f64>,
    duration: Option<f64>,
    words: Option<Vec<Word>>,
    code: Option<Value>,
}

#[derive(Deserialize)]
struct Word {
    start: Option<f64>,
    end: Option<f64>,
}

impl InferenceStt {
    pub(in crate::providers) fn new(model: &str, extra: Map<String, Value>, fallbacks: Vec<String>) -> Self {
        Self { model: model.to_owned(), extra, fallbacks }
    }

    /// The model without the language behind it.
    fn model_id(&self) -> &str {
        id_of(&self.model)
    }

    /// Whether its final words are those of a whole turn: some models hear whether one is over.
    fn ends_turns(&self) -> bool {
        TURN_MODELS.iter().any(|name| self.model_id().starts_with(name))
    }

    /// Names that are likely, where the model's provider takes them.
    fn add_vocabulary(&self, extra: &mut Map<String, Value>, vocabulary: &str) {
        let names: Vec<&str> = vocabulary.split(", ").filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return;
        }
        let (key, value) = match self.model_id().split('/').next().unwrap_or_default() {
            "deepgram" => ("keyterm", json!(names)),
            "assemblyai" => ("keyterms_prompt", json!(names)),
            "openai" => ("keywords", json!(names)),
            "google" => ("custom_vocabulary", json!(names)),
            "speechmatics" => {
                let entries: Vec<Value> = names.iter().map(|name| json!({ "content": name })).collect();
                ("additional_vocab", json!(entries))
            }
            _ => return,
        };
        extra.entry(key).or_insert(value);
    }
}

impl Dialect for InferenceStt {
    fn fresh(&self) -> Box<dyn Dialect> {
        Box::new(self.clone())
    }

    fn sample_rate(&self) -> u32 {
        if self.model_id().starts_with("openai/") { OPENAI_RATE } else { RATE }
    }

    fn path(&self) -> &'static str {
        "stt"
    }

    /// By this the gateway counts what a project may have at a time.
    fn query(&self, _: &Spoken) -> Vec<(&'static str, String)> {
        vec![("model", self.model_id().to_owned())]
    }

    fn wants_silence(&self) -> bool {
        true
    }

    fn lifetime(&self) -> Option<Duration> {
        None
    }

    fn open(&self, spoken: &Spoken) -> Option<Value> {
        let mut extra = self.extra.clone();
        self.add_vocabulary(&mut extra, &spoken.vocabulary);
        if self.model_id().starts_with("deepgram/flux") {
            extra.entry("eager_eot_threshold").or_insert(EAGER.into());
        }
        let mut settings = json!({
            "sample_rate": self.sample_rate().to_string(), "encoding": "pcm_s16le", "extra": extra,
        });
        let language = self.model.split_once(':').map_or(spoken.language.as_str(), |(_, language)| language);
        if !language.is_empty() {
            settings["language"] = language.into();
        }
        let mut create = json!({
            "type": "session.create", "settings": settings, "connection": {"timeout": 10.0, "retries": 3},
        });
        // The gateway chooses by the language.
        if self.model_id() != "auto" {
            create["model"] = self.model_id().into();
        }
        if !self.fallbacks.is_empty() {
            let models: Vec<Value> =
                self.fallbacks.iter().map(|model| json!({"model": id_of(model), "extra": {}})).collect();
            create["fallback"] = json!({ "models": models });
        }
        Some(create)
    }

    fn audio(&mut self, samples: &[i16]) -> Value {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        json!({"type": "input_audio", "audio": STANDARD.encode(bytes)})
    }

    fn finalize(&mut self) -> Option<Value> {
        Some(json!({"type": "session.finalize"}))
    }

    fn close(&self) -> Option<Value> {
        Some(json!({"type": "session.close"}))
    }

    fn read(&mut self, text: &str) -> Result<Vec<Said>, ProviderError> {
        let unreadable =
            || ProviderError::malformed(Provider::SpeechToText, "the gateway sent what is no JSON object");
        let message: Message = serde_json::from_str(text).map_err(|_| unreadable())?;
        let words = message.transcript.as_deref().unwrap_or_default().trim().to_owned();
        let mut events = Vec::new();
        match message.r#type.as_deref().unwrap_or_default() {
            // An empty one says nothing.
            "interim_transcript" if !words.is_empty() => {
                events.push(Said::Interim(words));
                events.extend(message.end().map(Said::HeardUntil));
            }
            "preflight_transcript" => {
                if !words.is_empty() {
                    events.push(Said::Interim(words));
                }
                events.push(Said::EagerEndOfTurn);
            }
            "final_transcript" => {
                let language = message.language.clone().filter(|language| !language.is_empty());
                events.extend(language.map(Said::Language));
                let said_something = !words.is_empty();
                events.push(Said::Final { text: words, start: message.begin(), end: message.end() });
                if said_something && self.ends_turns() {
                    events.push(Said::EndOfTurn);
                }
            }
            "session.created" => events.push(Said::Ready),
            "session.finalized" => events.push(Said::Finalized),
            "session.closed" => return Err(ProviderError::cut(Provider::SpeechToText)),
            "error" => {
                return Err(ProviderError::ended(Provider::SpeechToText, message.code.as_ref()));
            }
            _ => {}
        }
        Ok(events)
    }
}

/// A model without the language behind it.
fn id_of(model: &str) -> &str {
    model.split(':').next().unwrap_or_default()
}

impl Message {
    /// Where the words begin. What counts as theirs begins earlier at some services, where the words before it end.
    fn begin(&self) -> Option<Duration> {
        let by_words = self.words.as_ref().and_then(|words| words.first()?.start);
        Duration::try_from_secs_f64(by_words.or(self.start)?).ok()
    }

    /// Where the words end, as seconds since the socket was opened. What is no time is none.
    fn end(&self) -> Option<Duration> {
        let by_words = self.words.as_ref().and_then(|words| words.last()?.end);
        let by_length = self.start.zip(self.duration).map(|(start, duration)| start + duration);
        let seconds = by_length.or(by_words).filter(|seconds| *seconds > 0.0)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stt(model: &str) -> InferenceStt {
        InferenceStt::new(model, Map::new(), Vec::new())
    }

    fn spoken(language: &str, vocabulary: &str) -> Spoken {
        Spoken { language: language.to_owned(), vocabulary: vocabulary.to_owned() }
    }

    #[test]
    fn a_session_is_asked_for_as_the_gateway_wants_it() {
        let created = stt("deepgram/nova-3:multi").open(&spoken("en", "PandaDoc, HubSpot")).unwrap();
        assert_eq!(
            created,
            json!({
                "type": "session.create", "model": "deepgram/nova-3", "connection": {"timeout": 10.0, "retries": 3},
                "settings": {
                    "sample_rate": "16000", "encoding": "pcm_s16le", "language": "multi",
                    "extra": {"keyterm": ["PandaDoc", "HubSpot"]},
                },
            })
        );
        let query = stt("deepgram/nova-3:multi").query(&spoken("", ""));
        assert_eq!(query, [("model", "deepgram/nova-3".to_owned())]);
        assert_eq!(stt("openai/gpt-live-transcribe").sample_rate(), 24_000);
        let auto = stt("auto").open(&spoken("", "")).unwrap();
        assert!(auto.get("model").is_none() && auto["settings"].get("language").is_none());
        let fallback =
            InferenceStt::new("deepgram/nova-3", Map::new(), vec!["cartesia/ink-whisper:en".to_owned()]);
        let created = fallback.open(&spoken("en", "")).unwrap();
        assert_eq!(created["fallback"]["models"], json!([{"model": "cartesia/ink-whisper", "extra": {}}]));
    }

    #[test]
    fn what_the_gateway_sends_is_read_whatever_is_missing() {
        let mut stt = stt("deepgram/nova-3");
        let timed = |text: &str, start: Option<u64>, end: Option<u64>| {
            let [start, end] = [start, end].map(|time| time.map(Duration::from_millis));
            Said::Final { text: text.to_owned(), start, end }
        };
        let words = |text: &str, end| timed(text, None, end);
        for (message, events) in [
            (json!({"type": "session.created", "session_id": "x"}), vec![Said::Ready]),
            (
                json!({"type": "interim_transcript", "transcript": " we are "}),
                vec![Said::Interim("we are".to_owned())],
            ),
            (
                json!({"type": "interim_transcript", "transcript": "we are", "start": 1.0, "duration": 0.75}),
                vec![Said::Interim("we are".to_owned()), Said::HeardUntil(Duration::from_millis(1_750))],
            ),
            (json!({"type": "interim_transcript", "transcript": ""}), vec![]),
            (
                json!({"type": "final_transcript", "transcript": "We are.", "start": 1.0, "duration": 0.5}),
                vec![timed("We are.", Some(1_000), Some(1_500))],
            ),
            (
                json!({
                    "type": "final_transcript", "transcript": "We.", "start": 1.0, "duration": 0.5,
                    "words": [{"word": "We.", "start": 1.2, "end": 1.4}],
                }),
                vec![timed("We.", Some(1_200), Some(1_500))],
            ),
            (json!({"type": "final_transcript", "transcript": null, "words": null}), vec![words("", None)]),
            (
                json!({"type": "final_transcript", "transcript": "Hi.", "language": "de", "words": [{"word": "Hi.", "end": 0.4}]}),
                vec![Said::Language("de".to_owned()), words("Hi.", Some(400))],
            ),
            (
                json!({"type": "preflight_transcript", "transcript": "Hi."}),
                vec![Said::Interim("Hi.".to_owned()), Said::EagerEndOfTurn],
            ),
            (json!({"type": "session.finalized"}), vec![Said::Finalized]),
            (json!({"type": "something_new", "x": [1]}), vec![]),
        ] {
            assert_eq!(stt.read(&message.to_string()), Ok(events), "{message}");
        }
        let mut flux = InferenceStt::new("deepgram/flux-general", Map::new(), Vec::new());
        let over = json!({"type": "final_transcript", "transcript": "We are."}).to_string();
        assert_eq!(flux.read(&over), Ok(vec![words("We are.", None), Said::EndOfTurn]));
        for (message, recoverable) in [
            (json!({"type": "session.closed"}), true),
            (json!({"type": "error", "message": "secret"}), true),
            (json!({"type": "error", "message": "secret", "code": 500}), true),
            (json!({"type": "error", "message": "the token has expired", "code": 401}), true),
            (json!({"type": "error", "message": "secret", "code": 400}), false),
        ] {
            let error = stt.read(&message.to_string()).unwrap_err();
            assert_eq!(error.recoverable(), recoverable);
            assert!(!error.to_string().contains("secret"));
        }
        assert!(stt.read("no JSON").is_err());
    }

    #[test]
    fn a_model_that_hears_turns_tells_early_that_one_may_be_over() {
        let created = stt("deepgram/flux-general").open(&spoken("en", "")).unwrap();
        assert_eq!(created["settings"]["extra"], json!({"eager_eot_threshold": 0.5}));
    }
}
