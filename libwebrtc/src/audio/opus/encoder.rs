use std::ptr::NonNull;

use unsafe_libopus::{
    OPUS_APPLICATION_AUDIO, OPUS_OK, OPUS_SET_BITRATE_REQUEST, OPUS_SET_COMPLEXITY_REQUEST,
    OPUS_SET_INBAND_FEC_REQUEST, OPUS_SET_PACKET_LOSS_PERC_REQUEST, OpusEncoder, opus_encode,
    opus_encoder_create, opus_encoder_ctl, opus_encoder_destroy,
};

use super::{OpusError, SAMPLE_RATES};

/// Of 0 to 10: speech and music sound alike from here on, and a frame costs half of what 10 does.
const COMPLEXITY: i32 = 5;

/// Encodes interleaved 16-bit samples.
pub(in crate::audio) struct Encoder {
    state: NonNull<OpusEncoder>,
    channels: usize,
}

// SAFETY: the state is plain memory that nothing else refers to.
unsafe impl Send for Encoder {}

impl Encoder {
    /// `sample_rate` one of [`SAMPLE_RATES`], `channels` 1 or 2.
    pub(in crate::audio) fn new(sample_rate: u32, channels: u32) -> Result<Self, OpusError> {
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
    pub(in crate::audio) fn set_bitrate(&mut self, bitrate: u32) -> Result<(), OpusError> {
        self.control(OPUS_SET_BITRATE_REQUEST, bitrate.clamp(6_000, 510_000).cast_signed())
    }

    /// Adds a second, coarser coding of speech to the packet after it, for a peer that loses `expected_loss` per cent of
    /// the packets; the more, the better that coding. Nothing is added at 0 per cent, nor to music.
    #[allow(dead_code, reason = "not negotiated yet")]
    pub(in crate::audio) fn set_fec(&mut self, on: bool, expected_loss: u8) -> Result<(), OpusError> {
        self.control(OPUS_SET_INBAND_FEC_REQUEST, i32::from(on))?;
        self.control(OPUS_SET_PACKET_LOSS_PERC_REQUEST, i32::from(expected_loss.min(100)))
    }

    /// Encodes one frame of 2.5 to 60 ms and answers the payload's length.
    pub(in crate::audio) fn encode(
        &mut self,
        samples: &[i16],
        payload: &mut [u8],
    ) -> Result<usize, OpusError> {
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
