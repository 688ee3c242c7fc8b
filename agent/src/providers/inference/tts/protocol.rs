//! The texts of `/tts`: one utterance at a time, each ended by a flush. No IO.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::providers::error::{Provider, ProviderError};
use crate::providers::text_to_speech::WordTime;

/// Samples a second that are asked for.
const RATE: &str = "24000";

/// One model behind the gateway, with its voice.
#[derive(Debug, Clone)]
pub(in crate::providers) struct Model {
    /// `provider/model`.
    pub(in crate::providers) id: String,
    /// The provider's name of the voice; the provider's usual one where there is none.
    pub(in crate::providers) voice: Option<String>,
    pub(in crate::providers) language: String,
    /// Options of the model's own provider.
    pub(in crate::providers) extra: Map<String, Value>,
    /// Models that take over where this one fails, each with its voice as in [`Self::of`].
    pub(in crate::providers) fallbacks: Vec<String>,
}

/// What the gateway says of an utterance.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    Samples(Vec<i16>),
    /// With times from the beginning of the utterance.
    Words(Vec<WordTime>),
    /// The utterance is whole.
    Done,
    Nothing,
}

#[derive(Deserialize)]
struct Message {
    r#type: Option<String>,
    audio: Option<String>,
    words: Option<Vec<Word>>,
    chars: Option<Vec<Character>>,
    code: Option<Value>,
}

#[derive(Deserialize)]
struct Word {
    word: Option<String>,
    end: Option<f64>,
}

#[derive(Deserialize)]
struct Character {
    char: Option<String>,
    end: Option<f64>,
}

impl Model {
    /// `provider/model`, with a voice behind a colon where there is one.
    pub(in crate::providers) fn of(model: &str, language: &str) -> Self {
        let (id, voice) = with_voice(model);
        let voice = voice.map(str::to_owned);
        Self {
            id: id.to_owned(),
            voice,
            language: language.to_owned(),
            extra: Map::new(),
            fallbacks: Vec::new(),
        }
    }

    pub(super) fn query(&self) -> [(&'static str, String); 1] {
        [("model", self.id.clone())]
    }

    /// What is sent first on each socket.
    pub(super) fn create(&self) -> Value {
        let mut create = json!({
            "type": "session.create", "sample_rate": RATE, "encoding": "pcm_s16le", "model": self.id,
            "language": self.language, "extra": self.extra_with_times(), "connection": {"timeout": 10.0, "retries": 3},
        });
        if let Some(voice) = &self.voice {
            create["voice"] = voice.as_str().into();
        }
        if !self.fallbacks.is_empty() {
            let models = self.fallbacks.iter().map(|model| with_voice(model));
            // Without a name the provider's usual voice speaks.
            let models: Vec<Value> = models
                .map(|(id, voice)| json!({ "model": id, "voice": voice.unwrap_or_default(), "extra": {} }))
                .collect();
            create["fallback"] = json!({ "models": models });
        }
        create
    }

    /// What is to be said, and that it is all.
    pub(super) fn utterance(&self, text: &str) -> [Value; 2] {
        let mut config = json!({ "model": self.id, "language": self.language });
        if let Some(voice) = &self.voice {
            config["voice"] = voice.as_str().into();
        }
        let text = json!({
            "type": "input_transcript", "transcript": format!("{} ", text.trim_end()), "generation_config": config,
            "extra": self.extra_with_times(),
        });
        [text, json!({ "type": "session.flush" })]
    }

    /// Times of words are told where they are asked for.
    fn extra_with_times(&self) -> Map<String, Value> {
        let mut extra = self.extra.clone();
        match self.id.split('/').next().unwrap_or_default() {
            "cartesia" => drop(extra.entry("add_timestamps").or_insert(true.into())),
            "inworld" => drop(extra.entry("timestamp_type").or_insert("WORD".into())),
            _ => {}
        }
        extra
    }
}

/// `provider/model`, and the voice behind a colon where there is one.
fn with_voice(model: &str) -> (&str, Option<&str>) {
    model.split_once(':').map_or((model, None), |(id, voice)| (id, Some(voice)))
}

/// What a text of the gateway's means. What is unknown means nothing.
pub(super) fn read(text: &str) -> Result<Said, ProviderError> {
    let malformed = |what: &str| ProviderError::malformed(Provider::TextToSpeech, what);
    let message: Message =
        serde_json::from_str(text).map_err(|_| malformed("the gateway sent what is no JSON object"))?;
    Ok(match message.r#type.as_deref().unwrap_or_default() {
        "output_audio" => {
            let bytes = STANDARD.decode(message.audio.unwrap_or_default());
            let bytes = bytes.map_err(|_| malformed("the gateway sent sound that is no base64"))?;
            Said::Samples(
                bytes.chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect(),
            )
        }
        "output_alignment" => {
            let words = message.words.unwrap_or_default().into_iter().map(|word| (word.word, word.end));
            let characters = message.chars.unwrap_or_default().into_iter();
            let characters = characters.map(|character| (character.char, character.end));
            let timed = words.chain(characters).filter_map(|(word, end)| {
                Some(WordTime { word: word?, end: Duration::try_from_secs_f64(end?).ok()? })
            });
            Said::Words(timed.collect())
        }
        "done" => Said::Done,
        "session.closed" => return Err(ProviderError::cut(Provider::TextToSpeech)),
        "error" => {
            return Err(ProviderError::ended(Provider::TextToSpeech, message.code.as_ref()));
        }
        _ => Said::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_utterance_is_asked_for_as_the_gateway_wants_it() {
        let model = Model::of("cartesia/sonic-3:9626c31c", "en");
        let created = model.create();
        assert_eq!(created["model"], "cartesia/sonic-3");
        assert_eq!((&created["voice"], &created["sample_rate"]), (&json!("9626c31c"), &json!("24000")));
        assert_eq!(created["extra"]["add_timestamps"], true);
        assert!(created.get("settings").is_none() && created.get("fallback").is_none());
        let [text, flush] = model.utterance("Hello there.");
        assert_eq!((&text["transcript"], &flush["type"]), (&json!("Hello there. "), &json!("session.flush")));
        assert_eq!(text["generation_config"]["voice"], "9626c31c");
        assert!(Model::of("deepgram/aura-2", "en").create().get("voice").is_none());
        assert_eq!(model.query(), [("model", "cartesia/sonic-3".to_owned())]);
        let fallbacks = vec!["deepgram/aura-2:athena".to_owned(), "rime/arcana".to_owned()];
        assert_eq!(
            Model { fallbacks, ..model }.create()["fallback"]["models"],
            json!([
                { "model": "deepgram/aura-2", "voice": "athena", "extra": {} },
                { "model": "rime/arcana", "voice": "", "extra": {} },
            ])
        );
    }

    #[test]
    fn what_the_gateway_says_is_read() {
        for (message, said) in [
            (json!({"type": "session.created", "session_id": "x"}), Said::Nothing),
            (
                json!({"type": "output_audio", "audio": STANDARD.encode([1, 0, 255, 255])}),
                Said::Samples(vec![1, -1]),
            ),
            (
                json!({"type": "output_alignment", "words": [{"word": "Hello", "start": 0.25, "end": 0.5}, {"word": "x"}]}),
                Said::Words(vec![WordTime { word: "Hello".to_owned(), end: Duration::from_millis(500) }]),
            ),
            (
                json!({"type": "output_alignment", "chars": [{"char": "H", "start": 0.0, "end": 0.125}]}),
                Said::Words(vec![WordTime { word: "H".to_owned(), end: Duration::from_millis(125) }]),
            ),
            (json!({"type": "done"}), Said::Done),
            (json!({"type": "something_new"}), Said::Nothing),
        ] {
            assert_eq!(read(&message.to_string()), Ok(said));
        }
        for (message, recoverable) in [
            (json!({"type": "error", "message": "secret"}), true),
            (json!({"type": "error", "message": "secret", "code": 500}), true),
            (json!({"type": "error", "message": "secret", "code": 400}), false),
            (json!({"type": "session.closed"}), true),
        ] {
            let error = read(&message.to_string()).unwrap_err();
            assert_eq!(error.recoverable(), recoverable, "{message}");
            assert!(!error.to_string().contains("secret"));
        }
        assert!(!read("[1").unwrap_err().recoverable());
        assert!(read(r#"{"type": "output_audio", "audio": "?"}"#).is_err());
    }
}
