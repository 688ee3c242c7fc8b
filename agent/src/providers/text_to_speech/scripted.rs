//! Voices that do what a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream;

use super::*;
use crate::providers::error::Provider;
use crate::providers::health::Health;

/// What becomes of one text.
pub(crate) struct Act {
    pub(crate) milliseconds: usize,
    /// Words, and the milliseconds at which they are over.
    pub(crate) words: &'static [(&'static str, u64)],
    /// None where it is whole; else whether the failure may pass.
    pub(crate) breaks: Option<bool>,
}

/// Which voice was asked for which text.
pub(crate) type Asked = Arc<Mutex<Vec<(usize, String)>>>;

struct Scripted {
    index: usize,
    acts: Mutex<VecDeque<Act>>,
    asked: Asked,
}

/// Voices of which each does these one after the other; then it says a second of each text.
pub(crate) fn voices(acts: Vec<Vec<Act>>) -> (TextToSpeech, Asked) {
    let (provider, asked) = (Provider::TextToSpeech, Asked::default());
    let voice = |(index, acts): (usize, Vec<Act>)| {
        let name = ServiceName { provider, service: index.to_string().into(), model: "m".into() };
        let scripted = Scripted { index, acts: Mutex::new(acts.into()), asked: Arc::clone(&asked) };
        (name, Box::new(scripted) as Box<dyn Synthesizer>)
    };
    let voices = acts.into_iter().enumerate().map(voice).collect();
    (TextToSpeech::new(Services::new(provider, voices, Health::default())), asked)
}

impl Synthesizer for Scripted {
    fn speak<'a>(&'a self, text: &'a str, _: &'a Voice) -> BoxFuture<'a, Result<Speech, ProviderError>> {
        self.asked.lock().unwrap().push((self.index, text.to_owned()));
        let act = self.acts.lock().unwrap().pop_front();
        let act = act.unwrap_or(Act { milliseconds: 1_000, words: &[], breaks: None });
        let samples = SpeechPart::Samples(vec![1; SAMPLE_RATE as usize * act.milliseconds / 1_000]);
        let time = |(word, end): &(&str, u64)| WordTime {
            word: (*word).to_owned(),
            end: Duration::from_millis(*end),
        };
        let words = (!act.words.is_empty()).then(|| SpeechPart::Words(act.words.iter().map(time).collect()));
        let failure = act.breaks.map(|passes| {
            let provider = Provider::TextToSpeech;
            Err(if passes {
                ProviderError::lost(provider)
            } else {
                ProviderError::malformed(provider, "no sound")
            })
        });
        let parts = [samples].into_iter().chain(words).map(Ok).chain(failure);
        ready(Ok(stream::iter(parts.collect::<Vec<_>>()).boxed())).boxed()
    }

    fn try_once<'a>(
        &'a self,
        text: &'a str,
        voice: &'a Voice,
    ) -> BoxFuture<'a, Result<Speech, ProviderError>> {
        self.speak(text, voice)
    }
}
