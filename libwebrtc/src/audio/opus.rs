//! The Opus codec: the one place with unsafe code.

use std::ptr::{self, NonNull};

use unsafe_libopus::{
    OPUS_APPLICATION_AUDIO, OPUS_OK, OPUS_SET_BITRATE_REQUEST, OPUS_SET_COMPLEXITY_REQUEST, OpusDecoder,
    OpusEncoder, opus_decode, opus_decoder_create, opus_decoder_destroy, opus_encode, opus_encoder_create,
    opus_encoder_ctl, opus_encoder_destroy, opus_packet_get_nb_samples,
};

/// Hz at which Opus can be encoded and decoded.
pub(super) const SAMPLE_RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];
/// The longest packet: 120 ms.
const MAX_PACKET_MS: u32 = 120;
/// Of 0 to 10: speech and music sound alike from here on, and a frame costs half of what 10 does.
const COMPLEXITY: i32 = 5;

/// A call of the codec that failed, with libopus's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("libopus error {0}")]
pub(super) struct OpusError(i32);

/// Encodes interleaved 16-bit samples.
pub(super) struct Encoder {
    state: NonNull<OpusEncoder>,
    channels: usize,
}

// SAFETY: the state is plain memory that nothing else refers to.
unsafe impl Send for Encoder {}

impl Encoder {
    /// `sample_rate` one of [`SAMPLE_RATES`], `channels` 1 or 2.
    pub(super) fn new(sample_rate: u32, channels: u32) -> Result<Self, OpusError> {
        assert!(SAMPLE_RATES.contains(&sample_rate) && matches!(channels, 1 | 2), "not a format of Opus");
        let mut error = OPUS_OK;
        // SAFETY: the arguments are in range; the answer is checked.
        let state = unsafe {
            opus_encoder_create(
                sample_rate.cast_signed(),
                channels.cast_signed(),
                OPUS_APPLICATION_AUDIO,
                &mut error,
            )
        };
        let state = NonNull::new(state).filter(|_| error == OPUS_OK).ok_or(OpusError(error))?;
        let mut encoder = Self { state, channels: channels as usize };
        encoder.control(OPUS_SET_COMPLEXITY_REQUEST, COMPLEXITY)?;
        Ok(encoder)
    }

    /// Bits per second, 6,000 to 510,000.
    pub(super) fn set_bitrate(&mut self, bitrate: u32) -> Result<(), OpusError> {
        self.control(OPUS_SET_BITRATE_REQUEST, bitrate.clamp(6_000, 510_000).cast_signed())
    }

    /// Encodes one frame of 2.5 to 60 ms and answers the payload's length.
    pub(super) fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, OpusError> {
        let frames = i32::try_from(samples.len() / self.channels).unwrap_or(i32::MAX);
        let capacity = i32::try_from(payload.len()).unwrap_or(i32::MAX);
        // SAFETY: the pointers are valid for the lengths given with them.
        let length = unsafe {
            opus_encode(self.state.as_ptr(), samples.as_ptr(), frames, payload.as_mut_ptr(), capacity)
        };
        usize::try_from(length).map_err(|_| OpusError(length))
    }

    fn control(&mut self, request: i32, value: i32) -> Result<(), OpusError> {
        // SAFETY: the requests used here take one integer.
        match unsafe { opus_encoder_ctl!(self.state.as_ptr(), request, value) } {
            OPUS_OK => Ok(()),
            error => Err(OpusError(error)),
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the state was made by opus_encoder_create and is not used again.
        unsafe { opus_encoder_destroy(self.state.as_ptr()) }
    }
}

/// Decodes to interleaved 16-bit samples.
pub(super) struct Decoder {
    state: NonNull<OpusDecoder>,
    sample_rate: u32,
    channels: usize,
}

// SAFETY: the state is plain memory that nothing else refers to.
unsafe impl Send for Decoder {}

impl Decoder {
    /// `sample_rate` one of [`SAMPLE_RATES`], `channels` 1 or 2, whatever the packets have.
    pub(super) fn new(sample_rate: u32, channels: u32) -> Result<Self, OpusError> {
        assert!(SAMPLE_RATES.contains(&sample_rate) && matches!(channels, 1 | 2), "not a format of Opus");
        let mut error = OPUS_OK;
        // SAFETY: the arguments are in range; the answer is checked.
        let state =
            unsafe { opus_decoder_create(sample_rate.cast_signed(), channels.cast_signed(), &mut error) };
        let state = NonNull::new(state).filter(|_| error == OPUS_OK).ok_or(OpusError(error))?;
        Ok(Self { state, sample_rate, channels: channels as usize })
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Appends a packet's samples.
    pub(super) fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) -> Result<(), OpusError> {
        let frames = self.sample_rate / 1000 * MAX_PACKET_MS;
        let length = i32::try_from(payload.len()).unwrap_or(i32::MAX);
        self.append(samples, frames, |state, samples, frames| {
            // SAFETY: the pointers are valid for the lengths given with them.
            unsafe { opus_decode(state, payload.as_ptr(), length, samples, frames, 0) }
        })
    }

    /// Appends `frames` samples per channel (a multiple of 2.5 ms, at most 120 ms) in place of a lost packet.
    pub(super) fn conceal(&mut self, frames: u32, samples: &mut Vec<i16>) -> Result<(), OpusError> {
        self.append(samples, frames, |state, samples, frames| {
            // SAFETY: `samples` is valid for `frames`; a null packet asks for concealment.
            unsafe { opus_decode(state, ptr::null(), 0, samples, frames, 0) }
        })
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

/// Ticks of the RTP clock a packet lasts; `None` for one that is malformed.
pub(super) fn duration(payload: &[u8]) -> Option<u32> {
    if payload.is_empty() {
        return None;
    }
    let length = i32::try_from(payload.len()).ok()?;
    // SAFETY: the pointer is valid for the length, which is not 0.
    let ticks =
        unsafe { opus_packet_get_nb_samples(payload.as_ptr(), length, super::RTP_CLOCK_RATE.cast_signed()) };
    u32::try_from(ticks).ok().filter(|ticks| *ticks > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_survives_the_way_there_and_back() {
        let mut encoder = Encoder::new(24_000, 1).expect("make encoder");
        encoder.set_bitrate(32_000).expect("set bitrate");
        let mut decoder = Decoder::new(16_000, 2).expect("make decoder");
        let mut payload = [0; 500];
        let mut samples = Vec::new();
        for _ in 0..5 {
            let length = encoder.encode(&[1000; 480], &mut payload).expect("encode");
            assert_eq!(duration(&payload[..length]), Some(960));
            samples.clear();
            decoder.decode(&payload[..length], &mut samples).expect("decode");
            assert_eq!(samples.len(), 320 * 2);
        }
        decoder.conceal(320, &mut samples).expect("conceal");
        assert_eq!(samples.len(), 640 * 2);
    }

    proptest! {
        #[test]
        fn any_payload_is_decoded_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::new(48_000, 1).expect("make decoder");
            let mut samples = Vec::new();
            if decoder.decode(&payload, &mut samples).is_err() {
                prop_assert!(samples.is_empty());
            }
            prop_assert!(samples.len() <= 5760);
        }
    }
}
