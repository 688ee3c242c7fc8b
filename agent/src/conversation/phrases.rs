//! Text to speech, and the memory of what every call begins and ends with: a persona's fixed sentences are synthesised once
//! in a process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{BoxStream, StreamExt as _};

use crate::persona::{Persona, Voice};
use crate::providers::ProviderError;
use crate::providers::text_to_speech::TextToSpeech;

/// Samples of speech, 24 kHz mono, as they are made.
pub(super) type SpeechStream = BoxStream<'static, Result<Vec<i16>, ProviderError>>;

/// Speaks with one persona's voice.
pub(crate) struct Phrases {
    text_to_speech: TextToSpeech,
    voice: Voice,
    /// The fixed sentences, and what is known of their sound.
    fixed: Mutex<HashMap<String, Option<Arc<[i16]>>>>,
}

impl Phrases {
    pub(crate) fn new(text_to_speech: TextToSpeech, persona: &Persona) -> Self {
        let fixed = [persona.greeting(), persona.still_there(), persona.apology(), persona.goodbye()];
        let fixed = fixed.map(|sentence| (sentence.to_owned(), None));
        Self { text_to_speech, voice: persona.voice().clone(), fixed: Mutex::new(fixed.into()) }
    }

    /// # Errors
    /// The service did not begin to answer, after its retries.
    pub(super) async fn speak(self: &Arc<Self>, sentence: &str) -> Result<SpeechStream, ProviderError> {
        let known = self.with_fixed(|fixed| fixed.get(sentence).cloned());
        if let Some(Some(samples)) = known {
            return Ok(futures::stream::once(async move { Ok(samples.to_vec()) }).boxed());
        }
        let samples = self.text_to_speech.speak(sentence, &self.voice).await?;
        if known.is_none() {
            return Ok(samples.boxed());
        }
        Ok(self.remember(sentence.to_owned(), samples.boxed()))
    }

    /// Passes the samples on, and keeps them if all of them come.
    fn remember(self: &Arc<Self>, sentence: String, samples: SpeechStream) -> SpeechStream {
        let state = (Arc::clone(self), sentence, samples, Vec::new());
        futures::stream::unfold(state, |(phrases, sentence, mut samples, mut all)| async move {
            match samples.next().await {
                Some(Ok(part)) => {
                    all.extend_from_slice(&part);
                    Some((Ok(part), (phrases, sentence, samples, all)))
                }
                Some(Err(error)) => {
                    // An incomplete sentence is not kept: the stream ends after an error.
                    Some((Err(error), (phrases, sentence, futures::stream::pending().boxed(), all)))
                }
                None => {
                    phrases.with_fixed(|fixed| fixed.insert(sentence, Some(all.into())));
                    None
                }
            }
        })
        .boxed()
    }

    fn with_fixed<T>(&self, act: impl FnOnce(&mut HashMap<String, Option<Arc<[i16]>>>) -> T) -> T {
        act(&mut self.fixed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
