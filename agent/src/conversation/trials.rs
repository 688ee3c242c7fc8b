//! Tries the three services: at the start, so that what is wrong is known before somebody calls, and again as long as one
//! fails. What calls experience counts as well: a service that answers them is not tried.
//!
//! A trial is a request as calls make them, because nothing less tells a wrong path, model or voice: half a second of silence,
//! one message with all tools (which servers that prepare prompts have then prepared), the persona's fixed sentences (which
//! are kept). What works is only looked at, which costs nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::cached_speech::CachedSpeech;
use crate::persona::Persona;
use crate::providers::error::{Provider, ProviderError};
use crate::providers::health::{Health, Standing};
use crate::providers::language_model::LanguageModel;
use crate::providers::message::ChatMessage;
use crate::providers::transcription::SpeechToText;
use crate::tools::Toolbox;

/// Pause after the first trial that failed; each further one is twice as long, up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The services, with what they are asked.
pub(super) struct Trials {
    pub(super) health: Health,
    pub(super) persona: Arc<Persona>,
    pub(super) toolbox: Toolbox,
    pub(super) speech_to_text: SpeechToText,
    pub(super) language_model: LanguageModel,
    pub(super) cached_speech: Arc<CachedSpeech>,
}

impl Trials {
    /// For ever. `interval` is the pause between two looks, and the longest one between two trials.
    pub(super) async fn run(self, interval: Duration) {
        let speech_to_text = self.keep(
            Provider::SpeechToText,
            interval,
            || self.speech_to_text.try_once(self.persona.language()),
            || self.speech_to_text.is_doubtful(),
        );
        let messages = [
            ChatMessage::System { content: self.persona.system_prompt() },
            ChatMessage::User { content: "Hello.".to_owned() },
        ];
        let definitions = self.toolbox.definitions();
        let language_model = self.keep(
            Provider::LanguageModel,
            interval,
            || self.language_model.try_once(&messages, &definitions),
            || self.language_model.is_doubtful(),
        );
        let text_to_speech = self.keep(
            Provider::TextToSpeech,
            interval,
            || Arc::clone(&self.cached_speech).learn(),
            || self.cached_speech.is_doubtful(),
        );
        tokio::join!(speech_to_text, language_model, text_to_speech);
    }

    async fn keep<T, L>(
        &self,
        provider: Provider,
        interval: Duration,
        try_once: impl Fn() -> T,
        look: impl Fn() -> L,
    ) where
        T: Future<Output = Result<(), ProviderError>>,
        L: Future<Output = bool>,
    {
        loop {
            self.until_it_works(provider, interval, &try_once).await;
            tokio::select! {
                // It is busy enough with calls that fail, and one that does not may be next.
                () = self.health.in_doubt(provider) => sleep(interval).await,
                () = sleep(interval) => if look().await {
                    // What comes of it is known to all.
                    drop(try_once().await);
                },
            }
        }
    }

    async fn until_it_works<T>(&self, provider: Provider, interval: Duration, try_once: &impl Fn() -> T)
    where
        T: Future<Output = Result<(), ProviderError>>,
    {
        let mut pause = FIRST_PAUSE.min(interval);
        while self.health.standing(provider) != Standing::Works {
            if try_once().await.is_ok() {
                return;
            }
            sleep(pause).await;
            pause = (2 * pause).min(interval);
        }
    }
}
