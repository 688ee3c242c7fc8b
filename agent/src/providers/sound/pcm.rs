//! PCM in any form.

use super::form::{Encoding, Form};
use super::noise::{is_noise, roughness};

/// What is looked at before the first of raw sound is let through, and how much of it all in all, seconds.
const FIRST_LOOK: f32 = 0.1;
const LOOK: f32 = 1.0;
/// Samples that are too few to tell.
const TOO_FEW: usize = 256;

const NOISE: &str =
    "it is noise, so it is not the PCM that was asked for, or of another form: set TTS_FORMAT to wav";

/// Bytes in a form.
pub(super) struct Pcm {
    form: Form,
    /// Bytes that have still to come, where the header said so.
    left: Option<usize>,
    /// Samples of which it is still looked whether they are sound at all. What has a header that says so is believed.
    looked_at: usize,
    /// Nothing was let through yet.
    first: bool,
}

impl Pcm {
    /// With nothing in front of it.
    pub(super) fn raw(form: Form) -> Self {
        Self { form, left: None, looked_at: samples(LOOK, form), first: true }
    }

    pub(super) fn behind_header(form: Form, left: Option<usize>) -> Self {
        Self { form, left, looked_at: 0, first: false }
    }

    /// Appends what is whole as one channel; the form that it had.
    ///
    /// # Errors
    /// It is noise and no sound.
    pub(super) fn read(
        &mut self,
        waiting: &mut Vec<u8>,
        is_end: bool,
        mono: &mut Vec<f32>,
    ) -> Result<Form, String> {
        if self.first && waiting.len() < samples(FIRST_LOOK, self.form) * self.form.moment() && !is_end {
            return Ok(self.form);
        }
        self.first = false;
        if self.form.encoding == Encoding::Signed16Either {
            self.form.encoding = order_of_bytes(waiting);
        }
        let usable = self.left.map_or(waiting.len(), |left| left.min(waiting.len()));
        let usable = usable / self.form.moment() * self.form.moment();
        let before = mono.len();
        mono.extend(waiting[..usable].chunks_exact(self.form.moment()).map(|moment| self.form.mono(moment)));
        waiting.drain(..usable);
        if let Some(left) = &mut self.left {
            *left -= usable;
            if *left < self.form.moment() {
                // What is behind the sound is of no use.
                waiting.clear();
            }
        }
        let part = &mono[before..mono.len().min(before + self.looked_at)];
        if part.len() >= TOO_FEW || is_end {
            self.looked_at -= part.len();
            if is_noise(part) {
                return Err(NOISE.to_owned());
            }
        }
        Ok(self.form)
    }
}

/// So much of a sound.
fn samples(seconds: f32, form: Form) -> usize {
    (seconds * form.rate as f32) as usize
}

/// The bigger byte first is the rule for `audio/L16`, and the smaller one the custom.
fn order_of_bytes(bytes: &[u8]) -> Encoding {
    let (pairs, _) = bytes.as_chunks::<2>();
    let smaller_first = roughness(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
    let bigger_first = roughness(pairs.iter().map(|pair| i16::from_be_bytes(*pair)));
    if bigger_first < smaller_first { Encoding::Signed16BigEndian } else { Encoding::Signed16 }
}
