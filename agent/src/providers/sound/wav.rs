//! The header of a WAV file.

use super::form::{Encoding, Form};
use super::pcm::Pcm;

/// Most bytes before the sound of a WAV file begins.
const HEADER_LIMIT: usize = 64 * 1024;
/// Sizes of a chunk from here on stand for one that is still being written.
const UNKNOWN_SIZE: u32 = 0x7fff_0000;

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// The format stands further behind.
const EXTENSIBLE: u16 = 0xfffe;
/// Where it stands there.
const EXTENSIBLE_FORMAT: usize = 24;

/// How far a header was read.
pub(super) struct WavHeader {
    /// The position of the next chunk.
    position: usize,
    form: Option<Form>,
}

impl Default for WavHeader {
    fn default() -> Self {
        Self { position: 12, form: None }
    }
}

impl WavHeader {
    /// Takes the header off; nothing where it is not whole yet.
    ///
    /// # Errors
    /// What kind of sound it is instead.
    pub(super) fn read(&mut self, waiting: &mut Vec<u8>) -> Result<Option<Pcm>, String> {
        if waiting.get(8..12).is_some_and(|kind| kind != b"WAVE") {
            return Err("it is a RIFF file without sound: set TTS_FORMAT to pcm".to_owned());
        }
        loop {
            if self.position > HEADER_LIMIT {
                return Err("it is a WAV file whose header does not end: set TTS_FORMAT to pcm".to_owned());
            }
            let Some(header) = waiting.get(self.position..self.position + 8) else { return Ok(None) };
            let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
            let body = self.position + 8;
            if &header[..4] == b"data" {
                let form = self.form.ok_or("it is a WAV file that does not say its form before the sound")?;
                waiting.drain(..body);
                let known = size != 0 && size < UNKNOWN_SIZE;
                return Ok(Some(Pcm::behind_header(form, known.then_some(size as usize))));
            }
            if &header[..4] == b"fmt " {
                let length = (size as usize).clamp(16, 40);
                let Some(description) = waiting.get(body..body + length) else { return Ok(None) };
                self.form = Some(form(description)?);
            }
            // Chunks begin at even places.
            let length = (size as usize).saturating_add(size as usize % 2);
            self.position = body.saturating_add(length);
        }
    }
}

fn form(description: &[u8]) -> Result<Form, String> {
    let short = |position: usize| {
        description.get(position..position + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    let rate = u32::from_le_bytes([description[4], description[5], description[6], description[7]]);
    let (channels, block, bits) = (short(2), short(12), short(14));
    let format = match short(0) {
        // Some leave out what should follow; with whole bytes that is PCM.
        EXTENSIBLE => Some(short(EXTENSIBLE_FORMAT)).filter(|format| *format != 0).unwrap_or(PCM),
        format => format,
    };
    // A sample of 20 bits stands in 24.
    let is_whole = channels > 0 && block > 0 && block % channels == 0;
    let container = if is_whole { u32::from(block / channels) * 8 } else { bits.into() };
    let format = if u32::from(bits) > container { None } else { Some(format) };
    let encoding = match (format, container) {
        (Some(PCM), 8) => Encoding::Unsigned8,
        (Some(PCM), 16) => Encoding::Signed16,
        (Some(PCM), 24) => Encoding::Signed24,
        (Some(PCM), 32) => Encoding::Signed32,
        (Some(FLOAT), 32) => Encoding::Float32,
        (Some(FLOAT), 64) => Encoding::Float64,
        (Some(MU_LAW), 8) => Encoding::MuLaw,
        (Some(A_LAW), 8) => Encoding::ALaw,
        (None | Some(PCM | FLOAT), _) => {
            return Err(format!(
                "it is a WAV file with {bits} bits a sample, which cannot be read: set TTS_FORMAT to pcm"
            ));
        }
        _ => return Err("it is a WAV file with compressed sound in it: set TTS_FORMAT to pcm".to_owned()),
    };
    Form { rate, channels, encoding }.checked()
}
