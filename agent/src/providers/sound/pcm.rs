//! PCM in any form.

use super::form::{Encoding, Form};
use super::noise::{is_noise, roughness};

/// What is looked at before the first of raw sound is let through, and how often: a tenth of a second, ten times.
const LOOK_SECONDS: f32 = 0.1;
const LOOKS: u32 = 10;

/// Bytes in a form.
pub(super) struct Pcm {
    form: Form,
    /// Bytes that have still to come, where the header said so.
    left: Option<usize>,
    /// How often it is still looked whether it is sound at all. What has a header that says so is believed.
    looks: u32,
}

impl Pcm {
    /// With nothing in front of it.
    pub(super) fn raw(form: Form) -> Self {
        Self { form, left: None, looks: LOOKS }
    }

    pub(super) fn behind_header(form: Form, left: Option<usize>) -> Self {
        Self { form, left, looks: 0 }
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
        let look = ((LOOK_SECONDS * self.form.rate as f32) as usize).max(1) * self.form.moment();
        if self.looks > 0 && waiting.len() < look && !is_end {
            return Ok(self.form);
        }
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
        for part in mono[before..].chunks(look / self.form.moment()).take(self.looks as usize) {
            self.looks -= 1;
            if is_noise(part) {
                return Err("it is noise, so it is not the PCM that was asked for, or of another form: set TTS_FORMAT to wav".to_owned());
            }
        }
        Ok(self.form)
    }
}

/// The bigger byte first is the rule for `audio/L16`, and the smaller one the custom.
fn order_of_bytes(bytes: &[u8]) -> Encoding {
    let (pairs, _) = bytes.as_chunks::<2>();
    let smaller_first = roughness(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
    let bigger_first = roughness(pairs.iter().map(|pair| i16::from_be_bytes(*pair)));
    if bigger_first < smaller_first { Encoding::Signed16BigEndian } else { Encoding::Signed16 }
}
