//! A pure-Rust WebRTC stack under the crate name and with the public items that the `livekit` crate uses, so that a
//! LiveKit program builds with cargo alone.
//!
//! Audio, data channels, ICE over UDP and TCP, STUN, TURN, and reconnection work. Everything that is absent says so: with an error
//! where the signature has one, else with an error in the log and a failure at the nearest place that can fail.
//! The crate's README lists both.
//!
//! # Map
//! - The public modules are handles and plain data; `peer_connection` is the entrance.
//! - `negotiation` decides about offers, answers and transceivers; it does no IO and knows no socket.
//! - `connection` is the one task per peer connection that owns the ICE/DTLS/SCTP/SRTP state machine and its sockets.
//! - `crypto` is what that state machine encrypts with.
//! - `audio` is Opus, the jitter buffer with packet loss concealment (PLC), pacing, and resampling.

mod enum_dispatch;

mod audio;
mod connection;
mod crypto;
mod negotiation;
mod runtime;
mod sdp;

pub mod audio_frame;
pub mod audio_source;
pub mod audio_stream;
pub mod audio_track;
pub mod data_channel;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod ice_candidate;
pub mod media_stream;
pub mod media_stream_track;
pub mod native;
pub mod peer_connection;
pub mod peer_connection_factory;
pub mod prelude;
pub mod rtp_parameters;
pub mod rtp_receiver;
pub mod rtp_sender;
pub mod rtp_transceiver;
pub mod session_description;
pub mod stats;
pub mod video_frame;
pub mod video_source;
pub mod video_stream;
pub mod video_track;

/// What a track or a media section carries.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum MediaType {
    Audio,
    Video,
    Data,
    Unsupported,
}

/// The class of an [`RtcError`].
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum RtcErrorType {
    /// The stack failed, or the operation is not supported.
    Internal,
    /// A session description could not be used.
    InvalidSdp,
    /// The operation does not fit the connection's state.
    InvalidState,
}

/// An operation of the stack that failed.
#[derive(thiserror::Error, Debug, Clone)]
#[error("{error_type:?}: {message}")]
pub struct RtcError {
    pub error_type: RtcErrorType,
    pub message: String,
}

impl RtcError {
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { error_type: RtcErrorType::Internal, message: message.into() }
    }

    pub(crate) fn invalid_sdp(message: impl Into<String>) -> Self {
        Self { error_type: RtcErrorType::InvalidSdp, message: message.into() }
    }

    pub(crate) fn invalid_state(message: impl Into<String>) -> Self {
        Self { error_type: RtcErrorType::InvalidState, message: message.into() }
    }

    /// The error of everything this stack leaves out.
    pub(crate) fn not_supported(what: &str) -> Self {
        Self::internal(format!("{what} is not supported by the pure-Rust libwebrtc"))
    }
}
