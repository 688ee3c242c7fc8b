//! What all conversations of a process have in common: the persona, its tools, and the speech and language services.

use std::sync::Arc;
use std::time::Duration;

use super::cached_speech::CachedSpeech;
use super::record::RecordArgs;
use super::trials::Trials;
use super::turn_detector::TurnDetector;
use crate::metrics::Metrics;
use crate::persona::Persona;
use crate::providers::Providers;
use crate::providers::health::Health;
use crate::providers::language_model::LanguageModel;
use crate::providers::prices::Prices;
use crate::providers::transcription::SpeechToText;
use crate::tools::Toolbox;

/// Who talks with the callers: a persona with tools and services.
pub struct Assistant {
    pub(super) persona: Arc<Persona>,
    pub(super) toolbox: Toolbox,
    pub(super) speech_to_text: SpeechToText,
    pub(super) language_model: LanguageModel,
    pub(super) cached_speech: Arc<CachedSpeech>,
    pub(super) turn_detector: TurnDetector,
    pub(super) prices: Option<Arc<Prices>>,
    pub(super) record: RecordArgs,
    pub(super) metrics: Metrics,
    health: Health,
}

impl Assistant {
    pub fn new(
        persona: Arc<Persona>,
        toolbox: Toolbox,
        providers: Providers,
        turn_detector: TurnDetector,
        record: RecordArgs,
        metrics: Metrics,
    ) -> Self {
        let Providers { speech_to_text, language_model, text_to_speech, health, prices, .. } = providers;
        let cached_speech = Arc::new(CachedSpeech::new(text_to_speech, &persona));
        Self {
            persona,
            toolbox,
            speech_to_text,
            language_model,
            cached_speech,
            turn_detector,
            prices: prices.map(Arc::new),
            record,
            metrics,
            health,
        }
    }

    /// Tries the services, and makes ready what every call begins with; until then the first call does it. Never ends.
    pub fn keep_trying(&self, interval: Duration) -> impl Future<Output = ()> + Send + use<> {
        let trials = Trials {
            health: self.health.clone(),
            persona: Arc::clone(&self.persona),
            toolbox: self.toolbox.clone(),
            speech_to_text: self.speech_to_text.clone(),
            language_model: self.language_model.clone(),
            cached_speech: Arc::clone(&self.cached_speech),
        };
        trials.run(interval)
    }
}
