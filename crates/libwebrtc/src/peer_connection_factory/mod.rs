//! Makes peer connections and local tracks.

mod devices;

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::audio_source::native::NativeAudioSource;
use crate::audio_track::{AudioOrigin, RtcAudioTrack};
use crate::native::frame_cryptor;
use crate::peer_connection::PeerConnection;
use crate::rtp_parameters::{RtpCapabilities, RtpCodecCapability};
use crate::video_source::native::NativeVideoSource;
use crate::video_track::RtcVideoTrack;
use crate::{MediaType, RtcError};

/// A STUN or TURN server.
#[derive(Clone)]
pub struct IceServer {
    pub urls: Vec<String>,
    pub username: String,
    pub password: String,
}

impl Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum ContinualGatheringPolicy {
    GatherOnce,
    GatherContinually,
}

/// Which candidates may be used.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceTransportsType {
    Relay,
    NoHost,
    All,
}

#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RtcConfiguration {
    pub ice_servers: Vec<IceServer>,
    pub continual_gathering_policy: ContinualGatheringPolicy,
    pub ice_transport_type: IceTransportsType,
    /// An optimisation of the data channels' set-up, taken as a wish: the plain handshake is used.
    pub enable_sctp_snap: bool,
}

impl Default for RtcConfiguration {
    fn default() -> Self {
        Self {
            ice_servers: Vec::new(),
            continual_gathering_policy: ContinualGatheringPolicy::GatherContinually,
            ice_transport_type: IceTransportsType::All,
            enable_sctp_snap: false,
        }
    }
}

/// Clones are the same factory.
#[derive(Clone, Default)]
pub struct PeerConnectionFactory {
    devices: Arc<devices::Wishes>,
}

impl PeerConnectionFactory {
    pub fn with_zero_playout_delay() -> Self {
        Self::with_options(true, false)
    }

    /// `zero_playout_delay` concerns video only. `enable_warp` shortens the set-up when both sides can; this one does
    /// not.
    pub fn with_options(_zero_playout_delay: bool, _enable_warp: bool) -> Self {
        Self::default()
    }

    /// Starts a peer connection's task on the current tokio runtime, or outside of one on this crate's own.
    ///
    /// Fails while a room of the process asks for end-to-end encryption.
    pub fn create_peer_connection(&self, config: RtcConfiguration) -> Result<PeerConnection, RtcError> {
        frame_cryptor::refuse_while_wanted()?;
        PeerConnection::new(config)
    }

    pub fn get_rtp_sender_capabilities(&self, media_type: MediaType) -> RtpCapabilities {
        capabilities(media_type)
    }

    pub fn get_rtp_receiver_capabilities(&self, media_type: MediaType) -> RtpCapabilities {
        capabilities(media_type)
    }
}

impl Debug for PeerConnectionFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConnectionFactory").finish()
    }
}

fn capabilities(media_type: MediaType) -> RtpCapabilities {
    let codecs = match media_type {
        MediaType::Audio => vec![RtpCodecCapability {
            channels: Some(2),
            clock_rate: Some(48_000),
            mime_type: "audio/opus".to_owned(),
            sdp_fmtp_line: Some(crate::negotiation::codecs::OPUS_FORMAT.to_owned()),
        }],
        MediaType::Video | MediaType::Data | MediaType::Unsupported => Vec::new(),
    };
    RtpCapabilities { codecs, header_extensions: Vec::new() }
}

pub mod native {
    //! What a factory makes on native platforms only.

    use super::{
        AudioOrigin, NativeAudioSource, NativeVideoSource, PeerConnectionFactory, RtcAudioTrack,
        RtcVideoTrack,
    };

    /// What a factory makes of sources: local tracks.
    pub trait PeerConnectionFactoryExt {
        fn create_audio_track(&self, label: &str, source: NativeAudioSource) -> RtcAudioTrack;
        /// A track that cannot be published.
        fn create_video_track(&self, label: &str, source: NativeVideoSource) -> RtcVideoTrack;
        /// A track that cannot be published.
        fn create_device_audio_track(&self, label: &str) -> RtcAudioTrack;
    }

    impl PeerConnectionFactoryExt for PeerConnectionFactory {
        fn create_audio_track(&self, label: &str, source: NativeAudioSource) -> RtcAudioTrack {
            RtcAudioTrack::new(label, AudioOrigin::Source(source))
        }

        fn create_video_track(&self, label: &str, _source: NativeVideoSource) -> RtcVideoTrack {
            RtcVideoTrack::new(label)
        }

        fn create_device_audio_track(&self, label: &str) -> RtcAudioTrack {
            tracing::error!("audio devices are not supported: the track cannot be published");
            RtcAudioTrack::new(label, AudioOrigin::Device)
        }
    }
}
