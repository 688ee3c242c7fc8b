//! The codecs and header extensions that are offered.

/// Opus's payload type in offers of this side; the peer's answer is what counts.
pub(crate) const OPUS_PAYLOAD_TYPE: u8 = 111;
/// The parameters of Opus (`a=fmtp`) that are offered and answered.
pub(crate) const OPUS_FORMAT: &str = "minptime=10;useinbandfec=1";

/// Video codecs that are named so that a room's video sections can be accepted; nothing decodes them.
pub(crate) const VIDEO: [(u8, &str, Option<&str>); 2] = [
    (96, "VP8", None),
    (102, "H264", Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")),
];

pub(crate) const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub(crate) const AUDIO_LEVEL_ID: u8 = 1;
pub(crate) const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
pub(crate) const MID_ID: u8 = 4;
