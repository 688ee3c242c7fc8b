//! What a completed exchange of offer and answer means for the transport and for media.

use std::sync::Arc;

use crate::RtcError;
use crate::audio::opus_format::OpusFormat;
use crate::rtp_transceiver::RtpTransceiverDirection;
use crate::sdp::{Description, Direction, IceCredentials, MediaSection, Setup};

use super::transceiver::{MediaKind, Transceiver};
use super::write::is_opus;
use super::{Negotiation, SectionKind, codecs};

/// What both sides agreed on.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) local_credentials: IceCredentials,
    pub(crate) remote_credentials: IceCredentials,
    /// For example `sha-256 AB:CD:…`.
    pub(crate) remote_fingerprint: String,
    /// `candidate:` lines without the prefix.
    pub(crate) remote_candidates: Vec<String>,
    pub(crate) ice_controlling: bool,
    /// Whether this side starts the DTLS handshake.
    pub(crate) dtls_active: bool,
    pub(crate) data: bool,
    /// Every media section that was not rejected.
    pub(crate) media: Vec<NegotiatedMedia>,
}

/// A media section both sides accepted.
#[derive(Clone)]
pub(crate) struct NegotiatedMedia {
    pub(crate) mid: String,
    pub(crate) transceiver: Arc<Transceiver>,
    /// Opus's payload type, when this side may send.
    pub(crate) send: Option<u8>,
    /// How the peer wants to get it.
    pub(crate) opus: OpusFormat,
    /// Whether the peer takes the audio level extension.
    pub(crate) audio_level: bool,
    /// Whether lost packets may be asked for again.
    pub(crate) nack: bool,
    /// The SSRCs the peer may send; none when it does not send.
    pub(crate) receive: Vec<u32>,
}

impl Negotiation {
    /// Compares what both sides said, and notes the result in the transceivers.
    pub(super) fn conclude(
        &mut self,
        local: &Description,
        remote: &Description,
        offered_locally: bool,
    ) -> Result<Outcome, RtcError> {
        let transport = remote.media.iter().find(|section| !section.is_rejected());
        let transport = transport.ok_or_else(|| RtcError::invalid_sdp("the peer rejected every section"))?;
        let remote_credentials = remote
            .ice_credentials(transport)
            .ok_or_else(|| RtcError::invalid_sdp("the peer's description has no ICE credentials"))?;
        let remote_fingerprint = remote
            .fingerprint(transport)
            .ok_or_else(|| RtcError::invalid_sdp("the peer's description has no fingerprint"))?
            .to_owned();
        if let Some(restart) = self.local.restart.take() {
            self.local.credentials = restart;
        }
        let setup = remote.setup(transport);
        let dtls_active = *self.dtls_active.get_or_insert(match setup {
            Some(Setup::Active) => false,
            Some(Setup::Passive) => true,
            Some(Setup::ActPass) | None => !offered_locally,
        });

        let mut media = Vec::new();
        let mut data = false;
        for (index, section) in self.sections.iter().enumerate() {
            let (Some(ours), Some(theirs)) = (local.media.get(index), remote.media.get(index)) else {
                continue;
            };
            let accepted = !ours.is_rejected() && !theirs.is_rejected();
            match &section.kind {
                SectionKind::Data => data = accepted,
                SectionKind::Media(transceiver) if accepted => {
                    let direction = local.direction(ours).and(remote.direction(theirs).reversed());
                    media.push(negotiated_media(&section.mid, transceiver, direction, theirs));
                }
                SectionKind::Media(transceiver) => transceiver.set_current_direction(None),
                SectionKind::Rejected(_) => {}
            }
        }
        self.settled_sections = self.sections.len();
        Ok(Outcome {
            local_credentials: self.local.credentials.clone(),
            remote_credentials,
            remote_fingerprint,
            remote_candidates: remote
                .media
                .iter()
                .flat_map(MediaSection::candidates)
                .map(str::to_owned)
                .collect(),
            ice_controlling: offered_locally || remote.is_ice_lite(),
            dtls_active,
            data,
            media,
        })
    }
}

fn negotiated_media(
    mid: &str,
    transceiver: &Arc<Transceiver>,
    direction: Direction,
    remote: &MediaSection,
) -> NegotiatedMedia {
    transceiver.set_current_direction(Some(direction));
    let payload_type = match transceiver.kind() {
        MediaKind::Audio => remote.rtp_maps().find(|map| is_opus(&map.codec)).map(|map| map.payload_type),
        MediaKind::Video => None,
    };
    let mut state = transceiver.state();
    state.sender.payload_type = payload_type.filter(|_| direction.sends);
    state.receiver.payload_type = payload_type.filter(|_| direction.receives);
    let audio_level = |map: crate::sdp::ExtensionMap| {
        map.id == codecs::AUDIO_LEVEL_ID && map.uri == codecs::AUDIO_LEVEL_URI
    };
    NegotiatedMedia {
        mid: mid.to_owned(),
        transceiver: transceiver.clone(),
        send: state.sender.payload_type,
        opus: payload_type
            .and_then(|number| remote.format_parameters(number))
            .map_or_else(OpusFormat::default, OpusFormat::parse),
        audio_level: remote.extension_maps().any(audio_level),
        nack: payload_type.is_some_and(|payload_type| remote.has_feedback(payload_type, "nack")),
        receive: if direction.receives { remote.ssrcs() } else { Vec::new() },
    }
}

impl Transceiver {
    fn set_current_direction(&self, direction: Option<Direction>) {
        self.state().current_direction = Some(match direction {
            None => RtpTransceiverDirection::Stopped,
            Some(Direction { sends: true, receives: true }) => RtpTransceiverDirection::SendRecv,
            Some(Direction { sends: true, receives: false }) => RtpTransceiverDirection::SendOnly,
            Some(Direction { sends: false, receives: true }) => RtpTransceiverDirection::RecvOnly,
            Some(Direction { sends: false, receives: false }) => RtpTransceiverDirection::Inactive,
        });
    }
}
