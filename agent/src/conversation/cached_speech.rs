//! Text to speech with a cache of what every call begins and ends with: a persona's fixed sentences are synthesised once in a
//! process. An apology is always at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt as _};
use tokio::time::timeout;

use crate::persona::{Persona, Voice};
use crate::providers::error::ProviderError;
use crate::providers::text_to_speech::{Prepared, Speech, SpeechPart, TextToSpeech, WordTime};
use crate::providers::usage::Account;

/// Speech as it is made; shared, because many calls say the same at the same time.
pub(super) type SpeechStream = BoxStream<'static, Result<SharedPart, ProviderError>>;

/// A part of speech.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SharedPart {
    /// 24 kHz, mono.
    Samples(Arc<[i16]>),
    /// When words are over.
    Words(Vec<WordTime>),
}

/// What is said where the persona's own apology cannot be: recorded as `assets/README.md` says; 24 kHz, mono, 16 bit.
const RECORDED_APOLOGY: &[u8] = include_bytes!("../../assets/apology.wav");
/// Bytes of a WAV file before its samples.
const WAV_HEADER: usize = 44;
/// What is spoken only to see whether it can be.
const A_WORD: &str = "OK.";
/// An apology that is not known yet has to come within this time: something has failed already.
const APOLOGY_LIMIT: Duration = Duration::from_millis(1_500);

/// Speaks with one persona's voice.
pub(crate) struct CachedSpeech {
    text_to_speech: TextToSpeech,
    voice: Voice,
    apology: String,
    /// The fixed sentences, and what is known of their sound.
    fixed: Mutex<HashMap<String, Option<Arc<[i16]>>>>,
}

impl CachedSpeech {
    pub(crate) fn new(text_to_speech: TextToSpeech, persona: &Persona) -> Self {
        let fixed = [
            persona.greeting(),
            persona.still_there(),
            persona.one_moment(),
            persona.apology(),
            persona.goodbye(),
            persona.time_is_up(),
        ];
        let fixed = fixed.map(|sentence| (sentence.to_owned(), None));
        Self {
            text_to_speech,
            voice: persona.voice().clone(),
            apology: persona.apology().to_owned(),
            fixed: Mutex::new(fixed.into()),
        }
    }

    /// Synthesises the fixed sentences that are not known yet, one after another; where all are, a word. What fails is
    /// tried again when it is needed.
    ///
    /// # Errors
    /// The first failure of the service.
    pub(crate) async fn learn(self: Arc<Self>) -> Result<(), ProviderError> {
        let unknown = |fixed: &mut HashMap<String, Option<Arc<[i16]>>>| {
            let unknown = fixed.iter().filter(|(_, samples)| samples.is_none());
            unknown.map(|(sentence, _)| sentence.clone()).collect::<Vec<_>>()
        };
        let unknown = self.with_fixed(unknown);
        if unknown.is_empty() {
            return self.text_to_speech.try_once(A_WORD, &self.voice).await.map(drop);
        }
        for sentence in unknown {
            let samples = shared(self.text_to_speech.try_once(&sentence, &self.voice).await?);
            // Its end is when it is remembered.
            let mut samples = self.remember(sentence, samples);
            while let Some(part) = samples.next().await {
                part?;
            }
        }
        Ok(())
    }

    /// A call begins: what is said in it is to begin at once.
    pub(super) fn prepare(&self) -> Prepared {
        self.text_to_speech.prepare()
    }

    /// Whether there is reason to [`Self::learn`] although all went well.
    pub(crate) async fn is_doubtful(&self) -> bool {
        self.text_to_speech.is_doubtful().await
    }

    /// Whether there is reason to [`Self::speak`] on where a service broke off; `breaks` are those of the reply so far.
    pub(super) fn may_go_on(&self, error: &ProviderError, breaks: usize) -> bool {
        self.text_to_speech.may_go_on(error, breaks)
    }

    /// # Errors
    /// The service did not begin to answer, after its retries.
    pub(super) async fn speak(
        self: &Arc<Self>,
        sentence: &str,
        account: &Arc<dyn Account>,
    ) -> Result<SpeechStream, ProviderError> {
        let known = self.with_fixed(|fixed| fixed.get(sentence).cloned());
        if let Some(Some(samples)) = known {
            return Ok(at_once(samples));
        }
        let speaking = self.text_to_speech.speak(sentence, &self.voice, account);
        let samples = if sentence == self.apology {
            match timeout(APOLOGY_LIMIT, speaking).await {
                Ok(Ok(samples)) => samples,
                _ => return Ok(at_once(recorded_apology())),
            }
        } else {
            speaking.await?
        };
        let samples = shared(samples);
        Ok(if known.is_none() { samples } else { self.remember(sentence.to_owned(), samples) })
    }

    /// Passes the samples on, and keeps them if all of them come.
    fn remember(self: &Arc<Self>, sentence: String, samples: SpeechStream) -> SpeechStream {
        let state = (Arc::clone(self), sentence, samples, Vec::new());
        futures::stream::unfold(state, |(cached_speech, sentence, mut samples, mut all)| async move {
            match samples.next().await {
                Some(Ok(part)) => {
                    if let SharedPart::Samples(samples) = &part {
                        all.extend_from_slice(samples);
                    }
                    Some((Ok(part), (cached_speech, sentence, samples, all)))
                }
                Some(Err(error)) => {
                    // An incomplete sentence is not kept: the stream ends after an error.
                    Some((Err(error), (cached_speech, sentence, futures::stream::pending().boxed(), all)))
                }
                None => {
                    cached_speech.with_fixed(|fixed| fixed.insert(sentence, Some(all.into())));
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

fn at_once(samples: Arc<[i16]>) -> SpeechStream {
    futures::stream::once(async { Ok(SharedPart::Samples(samples)) }).boxed()
}

fn shared(samples: Speech) -> SpeechStream {
    let share = |part| match part {
        SpeechPart::Samples(samples) => SharedPart::Samples(samples.into()),
        SpeechPart::Words(words) => SharedPart::Words(words),
    };
    samples.map(move |part| part.map(share)).boxed()
}

fn recorded_apology() -> Arc<[i16]> {
    let samples = RECORDED_APOLOGY.get(WAV_HEADER..).unwrap_or_default().chunks_exact(2);
    samples.map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::SAMPLE_RATE;

    #[test]
    fn the_recorded_apology_is_speech_of_some_seconds() {
        let (header, samples) = (&RECORDED_APOLOGY[..WAV_HEADER], recorded_apology());
        assert_eq!((&header[..4], &header[36..40]), (&b"RIFF"[..], &b"data"[..]));
        assert_eq!(header[22..28], [&1_u16.to_le_bytes()[..], &SAMPLE_RATE.to_le_bytes()].concat());
        let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
        assert!((2.0..8.0).contains(&seconds), "{seconds}");
        assert!(samples.iter().any(|sample| sample.unsigned_abs() > 4_000));
    }
}
