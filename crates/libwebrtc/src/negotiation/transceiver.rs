//! What both halves of a transceiver share.

use parking_lot::{Mutex, MutexGuard};

use crate::RtcError;
use crate::audio_track::AudioOrigin;
use crate::media_stream::MediaStream;
use crate::media_stream_track::MediaStreamTrack;
use crate::rtp_parameters::{
    DegradationPreference, RtcpParameters, RtpCodecParameters, RtpEncodingParameters,
    RtpHeaderExtensionParameters, RtpParameters,
};
use crate::rtp_transceiver::{RtpTransceiverDirection, RtpTransceiverInit};

use super::codecs;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaKind {
    Audio,
    Video,
}

impl MediaKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// A transceiver; its handles and the negotiation share it.
pub(crate) struct Transceiver {
    kind: MediaKind,
    state: Mutex<TransceiverState>,
}

pub(crate) struct TransceiverState {
    pub(crate) mid: Option<String>,
    /// What the next offer asks for.
    pub(crate) direction: RtpTransceiverDirection,
    /// What was negotiated last.
    pub(crate) current_direction: Option<RtpTransceiverDirection>,
    pub(crate) sender: SenderState,
    pub(crate) receiver: ReceiverState,
}

pub(crate) struct SenderState {
    pub(crate) track: Option<MediaStreamTrack>,
    pub(crate) stream_ids: Vec<String>,
    pub(crate) ssrc: u32,
    pub(crate) cname: String,
    pub(crate) encodings: Vec<RtpEncodingParameters>,
    /// `None` until it is negotiated.
    pub(crate) payload_type: Option<u8>,
    /// Nothing may be sent: it would not be encrypted as asked.
    pub(crate) forbidden: bool,
    degradation_preference: Option<DegradationPreference>,
}

#[derive(Default)]
pub(crate) struct ReceiverState {
    /// While the peer sends.
    pub(crate) track: Option<MediaStreamTrack>,
    pub(crate) stream_ids: Vec<String>,
    /// `None` until it is negotiated.
    pub(crate) payload_type: Option<u8>,
    /// Nothing may be decoded: it is encrypted.
    pub(crate) forbidden: bool,
}

impl ReceiverState {
    pub(crate) fn streams(&self) -> Vec<MediaStream> {
        let Some(track) = &self.track else { return Vec::new() };
        self.stream_ids.iter().map(|id| MediaStream::new(id.clone(), track.clone())).collect()
    }
}

impl Transceiver {
    pub(crate) fn new(kind: MediaKind, track: Option<MediaStreamTrack>, init: RtpTransceiverInit) -> Self {
        let encodings = if init.send_encodings.is_empty() {
            vec![RtpEncodingParameters::default()]
        } else {
            init.send_encodings
        };
        let sender = SenderState {
            track,
            stream_ids: init.stream_ids,
            // 0 marks probes.
            ssrc: rand::random_range(1..=u32::MAX),
            cname: format!("{:016x}", rand::random::<u64>()),
            encodings,
            payload_type: None,
            forbidden: false,
            degradation_preference: None,
        };
        let state = TransceiverState {
            mid: None,
            direction: init.direction,
            current_direction: None,
            sender,
            receiver: ReceiverState::default(),
        };
        Self { kind, state: Mutex::new(state) }
    }

    pub(crate) fn kind(&self) -> MediaKind {
        self.kind
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, TransceiverState> {
        self.state.lock()
    }

    pub(crate) fn stop(&self) {
        self.state().direction = RtpTransceiverDirection::Stopped;
    }

    pub(crate) fn forbid_sending(&self) {
        self.state().sender.forbidden = true;
    }

    pub(crate) fn forbid_receiving(&self) {
        self.state().receiver.forbidden = true;
    }

    pub(crate) fn set_sender_track(&self, track: Option<MediaStreamTrack>) -> Result<(), RtcError> {
        if let Some(track) = &track {
            refuse_unsendable(track)?;
        }
        self.state().sender.track = track;
        Ok(())
    }

    pub(crate) fn sender_parameters(&self) -> RtpParameters {
        let state = self.state();
        let sender = &state.sender;
        RtpParameters {
            codecs: self.codecs(sender.payload_type),
            header_extensions: self.header_extensions(),
            encodings: sender.encodings.clone(),
            rtcp: RtcpParameters { cname: sender.cname.clone(), reduced_size: true },
            degradation_preference: sender.degradation_preference,
        }
    }

    pub(crate) fn set_sender_parameters(&self, parameters: RtpParameters) -> Result<(), RtcError> {
        let mut state = self.state();
        if parameters.encodings.len() != state.sender.encodings.len() {
            return Err(RtcError::invalid_state("the number of encodings cannot change"));
        }
        state.sender.encodings = parameters.encodings;
        state.sender.degradation_preference = parameters.degradation_preference;
        Ok(())
    }

    pub(crate) fn receiver_parameters(&self) -> RtpParameters {
        let payload_type = self.state().receiver.payload_type;
        RtpParameters {
            codecs: self.codecs(payload_type),
            header_extensions: self.header_extensions(),
            ..RtpParameters::default()
        }
    }

    fn codecs(&self, payload_type: Option<u8>) -> Vec<RtpCodecParameters> {
        match (self.kind, payload_type) {
            (MediaKind::Audio, Some(payload_type)) => vec![RtpCodecParameters {
                payload_type,
                mime_type: "audio/opus".to_owned(),
                clock_rate: Some(48_000),
                channels: Some(2),
            }],
            _ => Vec::new(),
        }
    }

    fn header_extensions(&self) -> Vec<RtpHeaderExtensionParameters> {
        let extension = |uri: &str, id: u8| RtpHeaderExtensionParameters {
            uri: uri.to_owned(),
            id: i32::from(id),
            encrypted: false,
        };
        vec![
            extension(codecs::AUDIO_LEVEL_URI, codecs::AUDIO_LEVEL_ID),
            extension(codecs::MID_URI, codecs::MID_ID),
        ]
    }
}

/// The error of a track that nothing can encode or capture.
pub(crate) fn refuse_unsendable(track: &MediaStreamTrack) -> Result<(), RtcError> {
    match track {
        MediaStreamTrack::Video(_) => Err(RtcError::not_supported("sending video")),
        MediaStreamTrack::Audio(track) => match track.origin() {
            AudioOrigin::Source(_) => Ok(()),
            AudioOrigin::Device => Err(RtcError::not_supported("capturing from an audio device")),
            AudioOrigin::Remote(_) => Err(RtcError::not_supported("sending a remote track")),
        },
    }
}
