//! Metadata behind encoded video frames, declared for `livekit`: there is no video to carry it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    peer_connection_factory::PeerConnectionFactory, rtp_receiver::RtpReceiver, rtp_sender::RtpSender,
};

/// A step of publishing a video frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishTimingStage {
    EncoderUpload,
    EncoderOutput,
    WebrtcPacketize,
}

/// A step of receiving a video frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeTimingStage {
    WebrtcReceive,
    DecoderUpload,
    DecoderOutput,
}

/// When a published frame reached a step; times are microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishTimingEvent {
    pub stage: PublishTimingStage,
    pub timestamp_us: u64,
    pub capture_timestamp_us: u64,
    pub frame_id: Option<u32>,
}

/// When a received frame reached a step; times are microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscribeTimingEvent {
    pub stage: SubscribeTimingStage,
    pub timestamp_us: u64,
    pub capture_timestamp_us: u64,
    pub frame_id: Option<u32>,
}

pub type PublishTimingObserver = Arc<dyn Fn(PublishTimingEvent) + Send + Sync + 'static>;
pub type SubscribeTimingObserver = Arc<dyn Fn(SubscribeTimingEvent) + Send + Sync + 'static>;

/// A handler that never sees a frame.
#[derive(Clone, Default)]
pub struct PacketTrailerHandler {
    enabled: Arc<AtomicBool>,
}

impl PacketTrailerHandler {
    pub fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Release);
    }

    pub fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    pub fn set_publish_timing_observer(&self, observer: Option<PublishTimingObserver>) {
        if observer.is_some() {
            tracing::error!("video is not supported: no publish timing will be observed");
        }
    }

    pub fn set_subscribe_timing_observer(&self, observer: Option<SubscribeTimingObserver>) {
        if observer.is_some() {
            tracing::error!("video is not supported: no subscribe timing will be observed");
        }
    }
}

pub fn create_sender_handler(_factory: &PeerConnectionFactory, _sender: &RtpSender) -> PacketTrailerHandler {
    tracing::error!("packet trailers are not supported");
    PacketTrailerHandler::default()
}

pub fn create_receiver_handler(
    _factory: &PeerConnectionFactory,
    _receiver: &RtpReceiver,
) -> PacketTrailerHandler {
    tracing::error!("packet trailers are not supported");
    PacketTrailerHandler::default()
}
