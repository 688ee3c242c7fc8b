//! Encoding, and what it is set to for a peer and a network.

use std::ptr::NonNull;

use unsafe_libopus::{
    OPUS_APPLICATION_AUDIO, OPUS_AUTO, OPUS_BANDWIDTH_FULLBAND, OPUS_BANDWIDTH_MEDIUMBAND,
    OPUS_BANDWIDTH_NARROWBAND, OPUS_BANDWIDTH_SUPERWIDEBAND, OPUS_BANDWIDTH_WIDEBAND, OPUS_OK,
    OPUS_SET_BITRATE_REQUEST, OPUS_SET_COMPLEXITY_REQUEST, OPUS_SET_DTX_REQUEST,
    OPUS_SET_FORCE_CHANNELS_REQUEST, OPUS_SET_INBAND_FEC_REQUEST, OPUS_SET_MAX_BANDWIDTH_REQUEST,
    OPUS_SET_PACKET_LOSS_PERC_REQUEST, OPUS_SET_SIGNAL_REQUEST, OPUS_SET_VBR_REQUEST, OPUS_SIGNAL_VOICE,
    OpusEncoder, opus_encode, opus_encoder_create, opus_encoder_ctl, opus_encoder_destroy,
};

use crate::audio::opus_format::EncoderSettings;

use super::{OpusError, SAMPLE_RATES};

/// Of 0 to 10. From 7 on the signal is analysed, and 20 ms of speech cost 180 to 230 µs.
///
/// All figures here are of a release build on one core of an AMD EPYC, the least of several runs, for 30 s of synthetic
/// speech at 24 and 48 kHz, one channel.
const COMPLEXITY: i32 = 5;
/// Bits per second up to which one channel is coded as speech (SILK), with the frequencies up to 8 kHz. 20 ms cost 115 to
/// 125 µs in place of 60 to 70, and the far end is nearer to the original: at 24 kbit/s the segments of speech stand 17 dB
/// above the error in place of 13 and a tone of 660 Hz 39 dB in place of 34, at 32 kbit/s 19 and 44 in place of 15 and 36.
/// Above, the full band is worth its bits; 48 kbit/s, which is LiveKit's default, cost 68 to 74 µs.
/// Speech with error correction, while packets are lost, costs 160 µs.
const SPEECH_BITRATE: u32 = 32_000;

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

    pub(in crate::audio) fn configure(&mut self, settings: &EncoderSettings) -> Result<(), OpusError> {
        let EncoderSettings { bitrate, expected_loss, format } = *settings;
        let mono = self.channels == 1 || !format.stereo;
        let speech = mono && bitrate <= SPEECH_BITRATE;
        self.set_bitrate(bitrate, format.constant_bitrate)?;
        self.set_speech(speech)?;
        self.set_bandwidth(if speech {
            format.max_playback_rate.min(16_000)
        } else {
            format.max_playback_rate
        })?;
        self.set_mono(mono)?;
        self.set_fec(format.fec, expected_loss)?;
        self.control(OPUS_SET_DTX_REQUEST, i32::from(format.dtx))
    }

    /// Bits per second, 6,000 to 510,000.
    fn set_bitrate(&mut self, bitrate: u32, constant: bool) -> Result<(), OpusError> {
        self.control(OPUS_SET_BITRATE_REQUEST, bitrate.clamp(6_000, 510_000).cast_signed())?;
        self.control(OPUS_SET_VBR_REQUEST, i32::from(!constant))
    }

    /// Prefers the coding that is made for speech.
    fn set_speech(&mut self, speech: bool) -> Result<(), OpusError> {
        self.control(OPUS_SET_SIGNAL_REQUEST, if speech { OPUS_SIGNAL_VOICE } else { OPUS_AUTO })
    }

    /// Keeps what can be heard at a sample rate, in Hz.
    fn set_bandwidth(&mut self, sample_rate: u32) -> Result<(), OpusError> {
        let bandwidth = match sample_rate {
            ..12_000 => OPUS_BANDWIDTH_NARROWBAND,
            12_000..16_000 => OPUS_BANDWIDTH_MEDIUMBAND,
            16_000..24_000 => OPUS_BANDWIDTH_WIDEBAND,
            24_000..48_000 => OPUS_BANDWIDTH_SUPERWIDEBAND,
            48_000.. => OPUS_BANDWIDTH_FULLBAND,
        };
        self.control(OPUS_SET_MAX_BANDWIDTH_REQUEST, bandwidth)
    }

    /// Mixes two channels into one.
    fn set_mono(&mut self, mono: bool) -> Result<(), OpusError> {
        self.control(OPUS_SET_FORCE_CHANNELS_REQUEST, if mono { 1 } else { OPUS_AUTO })
    }

    /// Has each packet repeat the speech of the one before, more coarsely, for a peer that loses `expected_loss` per cent
    /// of them: nothing at 0, more the more are lost. What is not coded as speech is so above 5 per cent.
    fn set_fec(&mut self, on: bool, expected_loss: u8) -> Result<(), OpusError> {
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
