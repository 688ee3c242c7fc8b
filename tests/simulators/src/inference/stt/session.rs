//! What a session of the gateway's speech to text says, without any IO.

use super::models::Model;
use super::protocol::{Create, ServerFrame, Transcript, Update, Word};
use crate::inference::Refusal;
use crate::inference::opening::sample_rate;
use crate::openai::settings::Settings;
use crate::streaming::{self, Event, Turns};

/// What the recogniser takes for the language of a caller whose language is not given.
const LANGUAGE: &str = "en";

/// A session that has begun.
pub(super) struct Session {
    id: String,
    model: String,
    language: String,
    eager: bool,
    pub(super) sample_rate: u32,
    /// Utterances that are final.
    finals: u64,
}

impl Session {
    /// `model` is the query's.
    pub(super) fn new(id: String, model: &str, create: &Create) -> Result<Self, Refusal> {
        let name = create.model.as_deref().unwrap_or(model);
        let model = Model(name);
        let settings = &create.settings;
        let sample_rate = sample_rate(&settings.encoding, &settings.sample_rate)?;
        if let Some(required) = model.required_rate().filter(|required| *required != sample_rate) {
            return Err(Refusal::bad_request(format!("{name} takes audio at {required} Hz only")));
        }
        Ok(Self {
            id,
            language: language(settings.language.as_deref()),
            eager: model.is_eager(&settings.extra),
            model: name.to_owned(),
            sample_rate,
            finals: 0,
        })
    }

    pub(super) fn created(&self) -> ServerFrame {
        ServerFrame::Created { session_id: self.id.clone() }
    }

    pub(super) fn finalized(&self) -> ServerFrame {
        ServerFrame::Finalized { session_id: self.id.clone() }
    }

    /// When utterances end.
    pub(super) fn turns(&self, settings: &Settings) -> Turns {
        let turns = Turns::of(settings);
        if Model(&self.model).needs_finalize() { Turns { endpointing: None, ..turns } } else { turns }
    }

    /// Language and options change; the model of a session does not.
    pub(super) fn update(&mut self, update: &Update) {
        if let Some(name) = &update.language {
            self.language = language(Some(name));
        }
        self.eager |= Model(&self.model).is_eager(&update.extra);
    }

    /// What a client is told of an event.
    pub(super) fn tell(&mut self, event: Event) -> Option<ServerFrame> {
        let model = Model(&self.model);
        match event {
            Event::SpeechStarted { at } => model
                .detects_onset()
                .then(|| ServerFrame::StartOfSpeech { session_id: self.id.clone(), start: at }),
            // What may change is of all that was heard so far, as Deepgram has it.
            Event::Interim(heard) => {
                let listened = heard.listened;
                let transcript = self.transcript(heard);
                let duration = listened - transcript.start;
                Some(ServerFrame::Interim(Transcript { duration, ..transcript }))
            }
            Event::Eager(heard) => self.eager.then(|| ServerFrame::Preflight(self.transcript(heard))),
            Event::Final(heard) => {
                let transcript = self.transcript(heard);
                self.finals += 1;
                Some(ServerFrame::Final(transcript))
            }
            Event::SpeechStopped { .. } | Event::Failed => None,
        }
    }

    fn transcript(&self, heard: streaming::Transcript) -> Transcript {
        let (start, end) = heard.speech;
        let transcript = heard.text();
        let words = heard.words.into_iter().filter(|_| Model(&self.model).times_words());
        Transcript {
            session_id: self.id.clone(),
            request_id: format!("{}_{}", self.id, self.finals),
            transcript,
            language: self.language.clone(),
            start,
            duration: end - start,
            words: words.map(|word| Word { word: word.word, start: word.start, end: word.end }).collect(),
        }
    }
}

fn language(given: Option<&str>) -> String {
    given.filter(|language| !matches!(*language, "" | "multi")).unwrap_or(LANGUAGE).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::openai::heard::Heard;

    fn session(model: &str, rate: &str, extra: Value) -> Result<Session, String> {
        let create = json!({
            "model": model, "settings": { "sample_rate": rate, "encoding": "pcm_s16le", "extra": extra },
        });
        let create = serde_json::from_value(create).expect("a frame");
        Session::new("session_1".to_owned(), model, &create).map_err(|refusal| refusal.message)
    }

    fn heard(text: &str) -> streaming::Transcript {
        streaming::Transcript {
            words: Heard::spread(text, 1.0).later(2.0).words,
            speech: (2.0, 3.0),
            listened: 3.25,
        }
    }

    #[test]
    fn models_of_openai_take_24_khz_only() {
        let refused = session("openai/gpt-live-transcribe", "16000", json!({})).err();
        assert_eq!(refused.as_deref(), Some("openai/gpt-live-transcribe takes audio at 24000 Hz only"));
        assert!(session("openai/gpt-live-transcribe", "24000", json!({})).is_ok());
        assert!(session("deepgram/nova-3", "16000", json!({})).is_ok());
        assert!(session("deepgram/nova-3", "4000", json!({})).is_err());
    }

    #[test]
    fn what_is_told_is_what_the_model_knows() {
        let kinds = |model: &str, extra: Value| {
            let mut session = session(model, "24000", extra).expect("a session");
            let heard = heard("hello there");
            let events = [
                Event::SpeechStarted { at: 2.0 },
                Event::Interim(heard.clone()),
                Event::Eager(heard.clone()),
                Event::SpeechStopped { at: 3.0 },
                Event::Final(heard),
            ];
            let frames: Vec<_> = events.into_iter().filter_map(|event| session.tell(event)).collect();
            let frames: Vec<_> = frames.iter().map(|frame| json!(frame)).collect();
            let kinds: Vec<_> =
                frames.iter().map(|frame| frame["type"].as_str().unwrap_or_default().to_owned()).collect();
            (kinds.join(" "), frames.last().is_some_and(|last| last["words"].is_array()))
        };
        let plain = "interim_transcript final_transcript".to_owned();
        assert_eq!(kinds("deepgram/nova-3", json!({})), (plain.clone(), true));
        assert_eq!(kinds("openai/gpt-live-transcribe", json!({})), (plain, false));
        let all = "start_of_speech interim_transcript preflight_transcript final_transcript".to_owned();
        assert_eq!(
            kinds("deepgram/flux-general", json!({ "eager_eot_threshold": 0.4 })),
            (all.clone(), true)
        );
        assert_eq!(kinds("cartesia/ink-2", json!({})), (all, false));
    }

    #[test]
    fn a_transcript_has_its_times() {
        let mut session = session("deepgram/nova-3", "16000", json!({})).expect("a session");
        let interim = json!(session.tell(Event::Interim(heard("hello there"))));
        assert_eq!((&interim["start"], &interim["duration"]), (&json!(2.0), &json!(1.25)));
        let frame = json!(session.tell(Event::Final(heard("hello there"))));
        assert_eq!(
            frame,
            json!({
                "type": "final_transcript", "session_id": "session_1", "request_id": "session_1_0",
                "transcript": "hello there", "language": "en", "start": 2.0, "duration": 1.0,
                "words": [
                    { "word": "hello", "start": 2.0, "end": 2.5 }, { "word": "there", "start": 2.5, "end": 3.0 },
                ],
            })
        );
    }
}
