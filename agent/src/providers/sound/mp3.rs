//! MP3: frame by frame, as they come.

use symphonia_bundle_mp3::MpaDecoder;
use symphonia_core::audio::{Audio as _, GenericAudioBufferRef};
use symphonia_core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia_core::codecs::audio::{AudioCodecParameters, AudioDecoder as _, AudioDecoderOptions};
use symphonia_core::packet::PacketRef;
use symphonia_core::units::{Duration, Timestamp};

/// Bytes of the longest frame that there can be.
pub(super) const LONGEST_FRAME: usize = 1_729;
/// Most bytes of a tag in front of the sound, which may have a picture in it.
const LONGEST_TAG: usize = 1024 * 1024;
/// Most bytes in which no frame is found.
const LONGEST_GAP: usize = 64 * 1024;
const TAG_HEADER: usize = 10;

/// The head of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Bytes of the whole frame.
    pub(super) length: usize,
    rate: u32,
    channels: u16,
}

impl FrameHeader {
    /// The header that these bytes begin with.
    pub(super) fn at(bytes: &[u8]) -> Option<Self> {
        const KILOBITS: [[u32; 14]; 2] = [
            [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
            [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        const RATES: [u32; 3] = [44_100, 48_000, 32_000];
        let &[first, second, third, fourth, ..] = bytes else { return None };
        // Layer III alone.
        if first != 0xff || second & 0xe0 != 0xe0 || (second >> 1) & 3 != 1 {
            return None;
        }
        let (divisor, table, factor) = match (second >> 3) & 3 {
            3 => (1, 0, 144_000),
            2 => (2, 1, 72_000),
            0 => (4, 1, 72_000),
            _ => return None,
        };
        let rate = RATES.get(usize::from((third >> 2) & 3))? / divisor;
        let kilobits = KILOBITS[table].get(usize::from(third >> 4).checked_sub(1)?)?;
        let padding = u32::from((third >> 1) & 1);
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        Some(Self { length: (factor * kilobits / rate + padding) as usize, rate, channels })
    }
}

/// A stream of frames, maybe behind a tag.
#[derive(Default)]
pub(super) struct Mp3 {
    decoder: Option<(FrameHeader, MpaDecoder)>,
    tag_is_read: bool,
    /// Bytes of the tag that have still to come.
    tag_left: usize,
    /// Bytes since the last frame.
    gap: usize,
}

impl Mp3 {
    /// Decodes the next frame, if it is whole, into one channel; its rate.
    ///
    /// # Errors
    /// It is damaged beyond what can be passed over.
    pub(super) fn read_frame(
        &mut self,
        waiting: &mut Vec<u8>,
        mono: &mut Vec<f32>,
    ) -> Result<Option<u32>, String> {
        if !self.pass_tag(waiting)? {
            return Ok(None);
        }
        loop {
            let start = waiting.iter().position(|byte| *byte == 0xff).unwrap_or(waiting.len());
            self.pass(waiting, start)?;
            if waiting.len() < 4 {
                return Ok(None);
            }
            let Some(header) = FrameHeader::at(waiting) else {
                self.pass(waiting, 1)?;
                continue;
            };
            let Some(frame) = waiting.get(..header.length) else { return Ok(None) };
            let decoded = self.decode(header, frame, mono);
            waiting.drain(..header.length);
            if decoded {
                self.gap = 0;
                return Ok(Some(header.rate));
            }
            self.gap += header.length;
        }
    }

    /// Whether there is none any more.
    fn pass_tag(&mut self, waiting: &mut Vec<u8>) -> Result<bool, String> {
        if !self.tag_is_read {
            if waiting.len() < TAG_HEADER {
                return Ok(false);
            }
            self.tag_is_read = true;
            if waiting.starts_with(b"ID3") {
                let size =
                    waiting[6..TAG_HEADER].iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
                self.tag_left = TAG_HEADER + size;
                if self.tag_left > LONGEST_TAG {
                    return Err("it is MP3 whose tag does not end".to_owned());
                }
            }
        }
        let passed = self.tag_left.min(waiting.len());
        waiting.drain(..passed);
        self.tag_left -= passed;
        Ok(self.tag_left == 0)
    }

    fn pass(&mut self, waiting: &mut Vec<u8>, bytes: usize) -> Result<(), String> {
        waiting.drain(..bytes);
        self.gap += bytes;
        if self.gap > LONGEST_GAP { Err("it is MP3 that is damaged".to_owned()) } else { Ok(()) }
    }

    /// Whether there was sound in it: the first frames may lean on others that are not there.
    fn decode(&mut self, header: FrameHeader, frame: &[u8], mono: &mut Vec<f32>) -> bool {
        let is_same = |before: &FrameHeader| (before.rate, before.channels) == (header.rate, header.channels);
        let decoder = match self.decoder.take() {
            Some((before, decoder)) if is_same(&before) => decoder,
            _ => {
                let mut parameters = AudioCodecParameters::new();
                parameters.for_codec(CODEC_ID_MP3);
                let Ok(decoder) = MpaDecoder::try_new(&parameters, &AudioDecoderOptions::default()) else {
                    return false;
                };
                decoder
            }
        };
        let (_, decoder) = self.decoder.insert((header, decoder));
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, frame);
        let Ok(GenericAudioBufferRef::F32(sound)) = decoder.decode_ref(&packet) else { return false };
        let channels: Vec<&[f32]> = (0..sound.num_planes()).filter_map(|plane| sound.plane(plane)).collect();
        let share = 1.0 / channels.len().max(1) as f32;
        mono.extend(
            (0..sound.frames()).map(|moment| channels.iter().map(|plane| plane[moment]).sum::<f32>() * share),
        );
        true
    }
}
