//! How the state machine of a transport is set up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::crypto::CryptoProvider;
use str0m::format::Codec;
use str0m::rtp::{Extension, ExtensionMap};
use str0m::{IceCreds, Rtc, RtcConfig};

use crate::negotiation::codecs;
use crate::sdp::IceCredentials;

/// Bytes of data channel messages it holds.
const MAX_BUFFERED: usize = 1 << 20;
/// How often round-trip times and the pair of candidates are looked at.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(1);

/// The state machine, with every payload type taken for Opus: payload types are negotiated later, and what is not audio
/// is dropped by its SSRC.
pub(super) fn build_rtc(credentials: &IceCredentials, crypto: Arc<CryptoProvider>, now: Instant) -> Rtc {
    let mut extensions = ExtensionMap::empty();
    extensions.set(codecs::AUDIO_LEVEL_ID, Extension::AudioLevel);
    extensions.set(codecs::MID_ID, Extension::RtpMid);
    let mut config = RtcConfig::new()
        .set_crypto_provider(crypto)
        .set_rtp_mode(true)
        .clear_codecs()
        .set_extension_map(extensions)
        .set_sctp_max_buffered_amount(MAX_BUFFERED)
        .set_stats_interval(Some(STATISTICS_INTERVAL))
        // The one way to see the peer's reports of loss and its requests for lost packets.
        .enable_raw_packets(true)
        .set_local_ice_credentials(ice_creds(credentials));
    // The usual one first: the list is searched for each packet.
    let others = (96..=127).chain(35..=63).filter(|payload_type| *payload_type != codecs::OPUS_PAYLOAD_TYPE);
    for payload_type in std::iter::once(codecs::OPUS_PAYLOAD_TYPE).chain(others) {
        config.codec_config().add_config(
            payload_type.into(),
            None,
            Codec::Opus,
            str0m::media::Frequency::FORTY_EIGHT_KHZ,
            Some(2),
            str0m::format::FormatParams::default(),
        );
    }
    config.build(now)
}

pub(super) fn ice_creds(credentials: &IceCredentials) -> IceCreds {
    IceCreds { ufrag: credentials.ufrag.clone(), pass: credentials.password.clone() }
}
