//! Decoding, with the concealment and the forward error correction that Opus has.

use std::ptr::{self, NonNull};

use unsafe_libopus::{OPUS_OK, OpusDecoder, opus_decode, opus_decoder_create, opus_decoder_destroy};

use crate::audio::RTP_CLOCK_RATE;

use super::packet::{duration, has_empty_frame, has_fec, has_speech, speech_frame_ms};
use super::repetition::Repetition;
use super::{OpusError, SAMPLE_RATES};

/// The longest packet: 120 ms.
const MAX_PACKET_MS: u32 = 120;

/// Decodes to interleaved 16-bit samples.
pub(in crate::audio) struct Decoder {
    state: NonNull<OpusDecoder>,
    sample_rate: u32,
    channels: usize,
    /// Whether the last packet had the speech layer, for which the codec has no concealment.
    speech: bool,
    repetition: Repetition,
}

// SAFETY: the state is plain memory that nothing else refers to.
unsafe impl Send for Decoder {}

impl Decoder {
    /// `sample_rate` one of [`SAMPLE_RATES`], `channels` 1 or 2, whatever the packets have.
    pub(in crate::audio) fn new(sample_rate: u32, channels: u32) -> Result<Self, OpusError> {
        assert!(SAMPLE_RATES.contains(&sample_rate) && matches!(channels, 1 | 2), "not a format of Opus");
        let mut error = OPUS_OK;
        // SAFETY: the arguments are in range; the answer is checked.
        let state =
            unsafe { opus_decoder_create(sample_rate.cast_signed(), channels.cast_signed(), &mut error) };
        let state = NonNull::new(state).filter(|_| error == OPUS_OK).ok_or(OpusError(error))?;
        Ok(Self {
            state,
            sample_rate,
            channels: channels as usize,
            speech: false,
            repetition: Repetition::new(sample_rate, channels as usize),
        })
    }

    pub(in crate::audio) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(in crate::audio) fn channels(&self) -> usize {
        self.channels
    }

    /// Appends a packet's samples.
    pub(in crate::audio) fn decode(
        &mut self,
        payload: &[u8],
        samples: &mut Vec<i16>,
    ) -> Result<(), OpusError> {
        let speech = has_speech(payload);
        if self.speech && has_empty_frame(payload) {
            // The codec takes an empty frame for a lost one.
            self.repetition.go_on(self.frames(payload), samples);
            return Ok(());
        }
        let start = samples.len();
        self.decode_packet(payload, self.sample_rate / 1000 * MAX_PACKET_MS, false, samples)?;
        if self.speech && !speech {
            self.repetition.replace_begin(&mut samples[start..]);
        }
        self.repetition.hear(&mut samples[start..]);
        self.speech = speech;
        Ok(())
    }

    /// Appends `frames` samples per channel (a multiple of 2.5 ms, at most 120 ms) in place of a lost packet.
    pub(in crate::audio) fn conceal(&mut self, frames: u32, samples: &mut Vec<i16>) -> Result<(), OpusError> {
        if self.speech {
            self.repetition.go_on(frames as usize, samples);
            return Ok(());
        }
        self.append(samples, frames, |state, samples, frames| {
            // SAFETY: `samples` is valid for `frames`; a null packet asks for concealment.
            unsafe { opus_decode(state, ptr::null(), 0, samples, frames, 0) }
        })
    }

    /// Appends `frames` samples per channel (a multiple of 2.5 ms, at most 120 ms) in place of what was lost just before
    /// `payload`, from the coarser coding in it. Where it has none ([`has_fec`]), or for what it does
    /// not cover, the loss is concealed. `payload` is to be decoded afterwards.
    pub(in crate::audio) fn decode_fec(
        &mut self,
        payload: &[u8],
        frames: u32,
        samples: &mut Vec<i16>,
    ) -> Result<(), OpusError> {
        let covered =
            speech_frame_ms(payload).filter(|_| has_fec(payload)).map(|time| time * self.sample_rate / 1000);
        let Some((covered, missing)) =
            covered.and_then(|covered| Some((covered, frames.checked_sub(covered)?)))
        else {
            return self.conceal(frames, samples);
        };
        if missing > 0 {
            self.conceal(missing, samples)?;
        }
        let start = samples.len();
        self.decode_packet(payload, covered, true, samples)?;
        self.repetition.hear(&mut samples[start..]);
        Ok(())
    }

    /// Appends what the codec makes of a packet, or of the coarser coding of the time before it.
    fn decode_packet(
        &mut self,
        payload: &[u8],
        frames: u32,
        fec: bool,
        samples: &mut Vec<i16>,
    ) -> Result<(), OpusError> {
        let length = i32::try_from(payload.len()).unwrap_or(i32::MAX);
        self.append(samples, frames, |state, samples, frames| {
            // SAFETY: the pointers are valid for the lengths given with them.
            unsafe { opus_decode(state, payload.as_ptr(), length, samples, frames, i32::from(fec)) }
        })
    }

    /// Samples per channel of a packet.
    fn frames(&self, payload: &[u8]) -> usize {
        let ticks = duration(payload).unwrap_or_default().min(MAX_PACKET_MS * RTP_CLOCK_RATE / 1000);
        (ticks / (RTP_CLOCK_RATE / self.sample_rate)) as usize
    }

    /// Runs `decode` on the space behind the samples there are, and keeps what it wrote.
    fn append(
        &mut self,
        samples: &mut Vec<i16>,
        frames: u32,
        decode: impl FnOnce(*mut OpusDecoder, *mut i16, i32) -> i32,
    ) -> Result<(), OpusError> {
        let start = samples.len();
        samples.resize(start + frames as usize * self.channels, 0);
        let decoded = decode(self.state.as_ptr(), samples[start..].as_mut_ptr(), frames.cast_signed());
        let kept = usize::try_from(decoded).unwrap_or_default() * self.channels;
        samples.truncate(start + kept);
        if decoded < 0 { Err(OpusError(decoded)) } else { Ok(()) }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the state was made by opus_decoder_create and is not used again.
        unsafe { opus_decoder_destroy(self.state.as_ptr()) }
    }
}
