//! What a client is told of an utterance, which is an item of the conversation.

use serde_json::{Value, json};

use super::protocol::{event, id, server_error};
use super::session::{Form, Session};
use crate::streaming::{Event, Transcript};

const TRANSCRIPTION: &str = "conversation.item.input_audio_transcription";

/// The items so far.
pub(super) struct Items {
    form: Form,
    /// The last one that was committed.
    previous: Option<String>,
    /// The one that is being said, or transcribed.
    current: Option<Item>,
}

struct Item {
    id: String,
    start: f64,
    /// Words that were shown of it.
    shown: usize,
}

impl Items {
    pub(super) fn new(form: Form) -> Self {
        Self { form, previous: None, current: None }
    }

    /// The events that an event of the recogniser makes. Their times count from `since`.
    pub(super) fn tell(&mut self, session: &Session, told: Event, since: f64) -> Vec<Value> {
        match told {
            Event::SpeechStarted { at } => {
                let item = id("item");
                let fields = json!({ "item_id": item, "audio_start_ms": milliseconds(at - since) });
                self.current = Some(Item { id: item, start: at, shown: 0 });
                session
                    .detects_turns()
                    .then(|| event("input_audio_buffer.speech_started", fields))
                    .into_iter()
                    .collect()
            }
            Event::Interim(heard) if session.is_live() => self.deltas(&heard),
            Event::Interim(heard) if self.form == Form::Speaches => self.partial(&heard),
            Event::Interim(_) | Event::Eager(_) => Vec::new(),
            Event::SpeechStopped { at } => self.stop(session, at - since),
            Event::Final(heard) => {
                let mut events = if self.form == Form::OpenAi { self.deltas(&heard) } else { Vec::new() };
                let start = self.current.as_ref().map_or(heard.speech.0, |item| item.start);
                events.extend(self.complete(session, &heard.text(), heard.speech.1 - start));
                events
            }
            Event::Failed => self.fail(),
        }
    }

    /// A commit of sound in which nobody speaks.
    pub(super) fn silence(&mut self, session: &Session, seconds: f64) -> Vec<Value> {
        self.current = Some(Item { id: id("item"), start: 0.0, shown: 0 });
        let mut events = self.commit();
        events.extend(self.complete(session, "", seconds));
        events
    }

    /// A commit of speech whose end was not heard: speaches does not know what of it to transcribe.
    pub(super) fn fail_without_end(&mut self) -> Vec<Value> {
        self.current.get_or_insert_with(|| Item { id: id("item"), start: 0.0, shown: 0 });
        let mut events = self.commit();
        self.current = None;
        events.push(server_error("Transcription failed"));
        events
    }

    fn stop(&self, session: &Session, at: f64) -> Vec<Value> {
        let Some(item) = &self.current else { return Vec::new() };
        let fields = json!({ "item_id": item.id, "audio_end_ms": milliseconds(at) });
        let stopped = session.detects_turns().then(|| event("input_audio_buffer.speech_stopped", fields));
        stopped.into_iter().chain(self.commit()).collect()
    }

    fn commit(&self) -> Vec<Value> {
        let Some(Item { id, .. }) = &self.current else { return Vec::new() };
        let fields = json!({ "item_id": id, "previous_item_id": self.previous });
        let mut events = vec![event("input_audio_buffer.committed", fields)];
        if self.form == Form::OpenAi {
            events.push(self.added("conversation.item.added", id, Value::Null));
            events.push(self.added("conversation.item.done", id, Value::Null));
        }
        events
    }

    fn added(&self, kind: &str, id: &str, transcript: Value) -> Value {
        let content = [json!({ "type": "input_audio", "transcript": transcript })];
        let item = json!({
            "id": id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": content,
        });
        event(kind, json!({ "previous_item_id": self.previous, "item": item }))
    }

    /// The words that were not shown yet, one after the other.
    fn deltas(&mut self, heard: &Transcript) -> Vec<Value> {
        let Some(item) = &mut self.current else { return Vec::new() };
        let words = heard.words.iter().enumerate().skip(item.shown);
        let deltas = words.map(|(index, word)| {
            let space = if index == 0 { "" } else { " " };
            let fields = json!({
                "item_id": item.id, "content_index": 0, "delta": format!("{space}{}", word.word),
            });
            event(&format!("{TRANSCRIPTION}.delta"), fields)
        });
        let deltas: Vec<_> = deltas.collect();
        item.shown = item.shown.max(heard.words.len());
        deltas
    }

    fn partial(&self, heard: &Transcript) -> Vec<Value> {
        let Some(item) = &self.current else { return Vec::new() };
        let fields = json!({ "item_id": item.id, "transcript": heard.text() });
        vec![event("input_audio_buffer.partial_transcription", fields)]
    }

    fn complete(&mut self, session: &Session, text: &str, seconds: f64) -> Vec<Value> {
        let Some(Item { id, .. }) = self.current.take() else { return Vec::new() };
        let mut events = Vec::new();
        if self.form == Form::Speaches && !text.is_empty() {
            events.push(self.added("conversation.item.created", &id, text.into()));
        }
        let mut fields = json!({
            "item_id": id, "content_index": 0, "transcript": text, "usage": usage(self.form, text, seconds),
        });
        if session.names_languages() {
            let found = (!text.is_empty()).then(|| json!({ "code": "en" }));
            fields["languages"] = found.into_iter().collect();
        }
        events.push(event(&format!("{TRANSCRIPTION}.completed"), fields));
        self.previous = Some(id);
        events
    }

    fn fail(&mut self) -> Vec<Value> {
        let Some(Item { id, .. }) = self.current.take() else { return Vec::new() };
        let error = json!({
            "type": "server_error", "code": "transcription_failed", "message": "Transcription failed.", "param": null,
        });
        let fields = json!({ "item_id": id, "content_index": 0, "error": error });
        self.previous = Some(id);
        vec![event(&format!("{TRANSCRIPTION}.failed"), fields)]
    }
}

/// OpenAI counts tokens, ten a second of sound, and words stand for those of text; speaches counts seconds.
fn usage(form: Form, text: &str, seconds: f64) -> Value {
    match form {
        Form::Speaches => json!({ "type": "duration", "seconds": seconds }),
        Form::OpenAi => {
            let (audio, words) = ((seconds * 10.0).ceil() as u64, text.split_whitespace().count() as u64);
            json!({
                "type": "tokens", "input_tokens": audio, "output_tokens": words, "total_tokens": audio + words,
                "input_token_details": { "audio_tokens": audio, "text_tokens": 0 },
            })
        }
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1_000.0).round() as u64
}
