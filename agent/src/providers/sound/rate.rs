//! Another sample rate for sound that goes on and on.

use super::resample::Resampler;
use crate::providers::error::{Provider, ProviderError};

/// Brings pieces of one channel to another rate, or leaves them where it is the same.
pub(in crate::providers) struct Rate(Option<Resampler>);

impl Rate {
    /// From one rate to another, in samples a second.
    ///
    /// # Errors
    /// There is no way from one to the other.
    pub(in crate::providers) fn between(from: u32, to: u32) -> Result<Self, ProviderError> {
        if from == to {
            return Ok(Self(None));
        }
        Resampler::new(from, to).map(|resampler| Self(Some(resampler))).map_err(failed)
    }

    /// A little stays behind for the next piece.
    pub(in crate::providers) fn next(&mut self, piece: Vec<i16>) -> Result<Vec<i16>, ProviderError> {
        let Some(resampler) = &mut self.0 else { return Ok(piece) };
        let mut samples = piece.into_iter().map(|sample| f32::from(sample) / 32_768.0).collect();
        let mut converted = Vec::new();
        resampler.convert(&mut samples, &mut converted).map_err(failed)?;
        Ok(converted)
    }
}

fn failed(what: String) -> ProviderError {
    ProviderError::malformed(Provider::SpeechToText, what)
}
