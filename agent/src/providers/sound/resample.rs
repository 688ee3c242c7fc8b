//! Resampling: brings one channel to another sample rate.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

use super::form::to_sample;

/// Samples that are converted at once.
const CHUNK: usize = 256;

/// Resamples one channel, part by part.
pub(super) struct Resampler {
    inner: Async<f32>,
    from: u32,
    to: u32,
    input: Vec<f32>,
    output: Vec<f32>,
    taken: u64,
    made: u64,
}

impl Resampler {
    /// From one rate to another, both in Hz.
    pub(super) fn new(from: u32, to: u32) -> Result<Self, String> {
        let parameters = SincInterpolationParameters::new(64, WindowFunction::BlackmanHarris2)
            .oversampling_factor(128)
            .interpolation(SincInterpolationType::Linear);
        let ratio = f64::from(to) / f64::from(from);
        let inner =
            Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input).map_err(|_| failed())?;
        let output = vec![0.0; inner.output_frames_max()];
        Ok(Self { inner, from, to, input: Vec::new(), output, taken: 0, made: 0 })
    }

    pub(super) fn from(&self) -> u32 {
        self.from
    }

    /// Takes all of `samples`, full scale is 1, and appends what is converted; a little stays behind for the next call.
    pub(super) fn convert(&mut self, samples: &mut Vec<f32>, converted: &mut Vec<i16>) -> Result<(), String> {
        self.taken += samples.len() as u64;
        self.input.append(samples);
        self.go_on(converted)
    }

    /// What stayed behind. All in all it is as long as what was taken.
    pub(super) fn finish(mut self) -> Result<Vec<i16>, String> {
        let due = self.taken * u64::from(self.to) / u64::from(self.from);
        let mut converted = Vec::new();
        while self.made < due {
            self.input.resize(self.input.len() + CHUNK, 0.0);
            self.go_on(&mut converted)?;
        }
        let surplus = usize::try_from(self.made - due).unwrap_or(0);
        converted.truncate(converted.len().saturating_sub(surplus));
        Ok(converted)
    }

    fn go_on(&mut self, converted: &mut Vec<i16>) -> Result<(), String> {
        let mut used = 0;
        while let Some(chunk) = self.input.get(used..used + CHUNK) {
            let capacity = self.output.len();
            let input = InterleavedSlice::new(chunk, 1, CHUNK).map_err(|_| failed())?;
            let mut output =
                InterleavedSlice::new_mut(&mut self.output, 1, capacity).map_err(|_| failed())?;
            let (_, written) =
                self.inner.process_into_buffer(&input, &mut output, None).map_err(|_| failed())?;
            converted.extend(self.output[..written].iter().copied().map(to_sample));
            self.made += written as u64;
            used += CHUNK;
        }
        self.input.drain(..used);
        Ok(())
    }
}

fn failed() -> String {
    "its rate cannot be changed: take a voice with 24,000 samples a second".to_owned()
}
