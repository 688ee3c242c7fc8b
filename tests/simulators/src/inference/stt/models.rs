//! What the gateway's models for speech to text can, and how they differ.

use serde_json::{Map, Value};

/// A model by its name, such as `deepgram/nova-3`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model<'a>(pub(super) &'a str);

impl Model<'_> {
    /// Whether the model ends no utterance by itself.
    pub(super) fn needs_finalize(self) -> bool {
        self.is_openai() || (self.0.starts_with("speechmatics/") && self.0 != "speechmatics/linden-1")
    }

    /// The only sample rate that it takes, Hz.
    pub(super) fn required_rate(self) -> Option<u32> {
        self.is_openai().then_some(24_000)
    }

    /// Whether it says when somebody begins to speak.
    pub(super) fn detects_onset(self) -> bool {
        self.is_flux() || self.0 == "cartesia/ink-2"
    }

    /// Whether it says that the caller may have finished, with these options.
    pub(super) fn is_eager(self, extra: &Map<String, Value>) -> bool {
        self.0 == "cartesia/ink-2" || (self.is_flux() && extra.contains_key("eager_eot_threshold"))
    }

    /// Whether its transcripts have words with their times.
    pub(super) fn times_words(self) -> bool {
        matches!(
            self.0,
            "cartesia/ink-whisper" | "xai/stt-1" | "speechmatics/enhanced" | "speechmatics/standard"
        ) || self.0.starts_with("deepgram/")
            || self.0.starts_with("assemblyai/")
    }

    fn is_openai(self) -> bool {
        self.0 == "openai" || self.0.starts_with("openai/")
    }

    fn is_flux(self) -> bool {
        self.0.starts_with("deepgram/flux")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_kinds_need_the_client_to_end_utterances() {
        for model in
            ["openai/gpt-live-transcribe", "openai", "speechmatics/enhanced", "speechmatics/standard"]
        {
            assert!(Model(model).needs_finalize(), "{model}");
        }
        for model in ["speechmatics/linden-1", "deepgram/nova-3", "auto", "cartesia/ink-2"] {
            assert!(!Model(model).needs_finalize(), "{model}");
        }
    }

    #[test]
    fn flux_is_eager_where_it_is_told_to_be() {
        let extra = |value: Value| value.as_object().cloned().unwrap_or_default();
        let flux = Model("deepgram/flux-general-en");
        assert!(flux.is_eager(&extra(json!({ "eager_eot_threshold": 0.4 }))));
        assert!(!flux.is_eager(&extra(json!({}))));
        assert!(!Model("deepgram/nova-3").is_eager(&extra(json!({ "eager_eot_threshold": 0.4 }))));
    }
}
