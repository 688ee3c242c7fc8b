//! What most users of the crate import.

pub use crate::{
    MediaType, RtcError, RtcErrorType,
    audio_frame::AudioFrame,
    audio_source::{AudioSourceOptions, RtcAudioSource},
    audio_track::RtcAudioTrack,
    data_channel::{DataBuffer, DataChannel, DataChannelError, DataChannelInit, DataChannelState},
    ice_candidate::IceCandidate,
    media_stream::MediaStream,
    media_stream_track::{MediaStreamTrack, RtcTrackState},
    peer_connection::{
        AnswerOptions, IceConnectionState, IceGatheringState, OfferOptions, PeerConnection,
        PeerConnectionState, SignalingState,
    },
    peer_connection_factory::{
        ContinualGatheringPolicy, IceServer, IceTransportsType, PeerConnectionFactory, RtcConfiguration,
    },
    rtp_parameters::*,
    rtp_receiver::RtpReceiver,
    rtp_sender::{RtpSender, VideoEncoderBackend},
    rtp_transceiver::{RtpTransceiver, RtpTransceiverDirection, RtpTransceiverInit},
    session_description::{SdpType, SessionDescription},
    video_frame::{BoxVideoBuffer, BoxVideoFrame, I420Buffer, VideoBuffer, VideoFrame, VideoRotation},
    video_source::{RtcVideoSource, VideoResolution},
    video_track::RtcVideoTrack,
};
