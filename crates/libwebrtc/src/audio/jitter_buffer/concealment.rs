//! Packet loss concealment (PLC): a decoder that makes sound from packets, and goes on without them.

use crate::audio::opus::{Decoder, OpusError};

use super::ticks::Ticks;

/// What the codec makes up in place of packets fades from here on, and is silent at the end.
const FADE_START: Ticks = Ticks::from_millis(40);
const FADE_END: Ticks = Ticks::from_millis(120);
/// Sound that follows silence begins with a ramp, so that it does not click.
const RAMP: Ticks = Ticks::from_millis(5);
/// The codec makes sound up in multiples of 2.5 ms.
const UNIT: Ticks = Ticks::new(120);
/// Of a packet's sound, this end of it tells how loud what follows may be made up.
const TAIL: Ticks = Ticks::from_millis(10);
/// Made-up sound may be so much louder, since a voice is not even within so short a time.
const LOUDER: f32 = 1.5;
/// Mean square of samples 50 dB below full scale: quieter is taken for silence.
const QUIET: f64 = 1e-5 * 32_768.0 * 32_768.0;

/// What samples were made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    Received,
    /// Made up by concealment, and heard.
    Concealed,
    /// Made up where nothing was heard.
    Silent,
}

/// A decoder that conceals what is lost: its sound goes on for a while, fades, and is silence then.
pub(super) struct ConcealingDecoder {
    decoder: Decoder,
    /// Time since the last packet's sound.
    concealed: Ticks,
    /// The mean square of the end of it.
    energy: f64,
}

impl ConcealingDecoder {
    /// Takes what [`Decoder::new`] takes.
    pub(super) fn new(sample_rate: u32, channels: u32) -> Result<Self, OpusError> {
        Ok(Self { decoder: Decoder::new(sample_rate, channels)?, concealed: Ticks::ZERO, energy: 0.0 })
    }

    /// Another sender: nothing of the sound before goes into its own.
    pub(super) fn start_anew(&mut self) -> Result<(), OpusError> {
        self.decoder = Decoder::new(self.decoder.sample_rate(), self.decoder.channels() as u32)?;
        self.concealed = FADE_END;
        Ok(())
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.decoder.sample_rate()
    }

    pub(super) fn channels(&self) -> usize {
        self.decoder.channels()
    }

    pub(super) fn sample_duration(&self) -> Ticks {
        Ticks::of_sample_at(self.decoder.sample_rate())
    }

    /// Whether nothing is heard now: the sound made up has faded, or there was none before.
    pub(super) fn is_silent(&self) -> bool {
        self.concealed >= FADE_END || self.concealed > Ticks::ZERO && self.was_quiet()
    }

    /// For how long sound has been made up since the last packet's.
    pub(super) fn concealed(&self) -> Ticks {
        self.concealed
    }

    /// Appends a packet's samples.
    pub(super) fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) -> Result<(), OpusError> {
        let start = samples.len();
        self.decoder.decode(payload, samples)?;
        self.received(&mut samples[start..]);
        Ok(())
    }

    /// Appends the sound of the `ticks` before a packet, from the coding of it that the packet has.
    pub(super) fn recover(
        &mut self,
        payload: &[u8],
        ticks: Ticks,
        samples: &mut Vec<i16>,
    ) -> Result<(), OpusError> {
        let start = samples.len();
        self.decoder.decode_fec(payload, self.whole_units(ticks), samples)?;
        samples.truncate(start + self.length(ticks));
        self.received(&mut samples[start..]);
        Ok(())
    }

    /// Appends `ticks` of made-up sound or silence.
    pub(super) fn conceal(&mut self, ticks: Ticks, samples: &mut Vec<i16>) -> Sound {
        let start = samples.len();
        let end = start + self.length(ticks);
        let faded = self.concealed >= FADE_END || self.was_quiet();
        if faded || self.decoder.conceal(self.whole_units(ticks), samples).is_err() {
            samples.truncate(start);
        }
        samples.resize(end, 0);
        if !faded {
            // In a pause of speech the codec may make up far more than there was.
            let limit = (self.energy / mean_square(&samples[start..]).max(1.0)).sqrt() as f32;
            let (concealed, sample) = (self.concealed, self.sample_duration());
            ramp(&mut samples[start..], self.channels(), |index| {
                let fading = (FADE_END - concealed - sample * index).part_of(FADE_END - FADE_START);
                fading.min(limit * LOUDER)
            });
        }
        self.concealed = self.concealed.saturating_add(ticks);
        if faded { Sound::Silent } else { Sound::Concealed }
    }

    fn received(&mut self, samples: &mut [i16]) {
        let tail = samples.len().saturating_sub(self.length(TAIL));
        self.energy = mean_square(&samples[tail..]);
        if self.concealed >= FADE_END {
            let sample = self.sample_duration();
            ramp(samples, self.channels(), |index| (sample * index).part_of(RAMP));
        }
        self.concealed = Ticks::ZERO;
    }

    fn was_quiet(&self) -> bool {
        self.energy <= QUIET
    }

    fn length(&self, ticks: Ticks) -> usize {
        usize::try_from(ticks / self.sample_duration()).unwrap_or_default() * self.channels()
    }

    fn whole_units(&self, ticks: Ticks) -> u32 {
        let samples = ticks.round_up_to(UNIT) / self.sample_duration();
        u32::try_from(samples).unwrap_or_default()
    }
}

pub(super) fn is_quiet(samples: &[i16]) -> bool {
    mean_square(samples) <= QUIET
}

fn mean_square(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    energy / samples.len().max(1) as f64
}

/// Multiplies the samples by a factor of their index, which is limited to 0 and 1.
fn ramp(samples: &mut [i16], channels: usize, factor: impl Fn(i64) -> f32) {
    for (frame, index) in samples.chunks_exact_mut(channels).zip(0..) {
        let factor = factor(index).clamp(0.0, 1.0);
        if factor >= 1.0 {
            continue;
        }
        for sample in frame {
            *sample = (f32::from(*sample) * factor) as i16;
        }
    }
}
