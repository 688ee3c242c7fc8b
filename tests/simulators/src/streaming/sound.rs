//! Samples as they come over a socket.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::openai::audio::{RECOGNISER_RATE, Resampler};

/// Samples in base64: 16 bit, little-endian.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pcm(pub(crate) Vec<i16>);

impl TryFrom<String> for Pcm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|error| format!("audio is no base64: {error}"))?;
        let (samples, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("audio has half a sample".to_owned());
        }
        Ok(Self(samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect()))
    }
}

/// What comes at one rate, at the recogniser's.
pub(crate) struct Sound {
    rate: u32,
    resampler: Option<Resampler>,
}

impl Sound {
    /// A rate in Hz.
    pub(crate) fn new(rate: u32) -> anyhow::Result<Self> {
        let resampler = (rate != RECOGNISER_RATE).then(|| Resampler::new(rate, RECOGNISER_RATE));
        Ok(Self { rate, resampler: resampler.transpose()? })
    }

    /// The samples that can be converted by now, and how long those are that came.
    pub(crate) fn convert(&mut self, Pcm(samples): Pcm) -> anyhow::Result<(Vec<i16>, Duration)> {
        let length = Duration::from_secs_f64(samples.len() as f64 / f64::from(self.rate));
        let samples = match &mut self.resampler {
            Some(resampler) => resampler.convert(&samples)?,
            None => samples,
        };
        Ok((samples, length))
    }
}
