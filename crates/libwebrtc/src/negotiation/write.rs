//! The next offer or answer.

use crate::RtcError;
use crate::peer_connection::SignalingState;
use crate::rtp_transceiver::RtpTransceiverDirection;
use crate::sdp::{Attribute, Description, Direction, IceCredentials, MediaSection, Setup};
use crate::session_description::{SdpType, SessionDescription};

use super::transceiver::{MediaKind, Transceiver};
use super::{Negotiation, SectionKind, codecs};

/// Bytes of the largest data channel message this side takes.
const MAX_MESSAGE_SIZE: u32 = 262_144;

impl Negotiation {
    /// Writes an offer with every section so far, one for each transceiver without a section, and the data section.
    /// New sections are only kept once the offer is set as the local description.
    pub(crate) fn create_offer(
        &mut self,
        ice_restart: Option<IceCredentials>,
    ) -> Result<SessionDescription, RtcError> {
        if self.signaling != SignalingState::Stable && self.signaling != SignalingState::HaveLocalOffer {
            return Err(RtcError::invalid_state(format!("cannot offer in state {:?}", self.signaling)));
        }
        if ice_restart.is_some() {
            self.local.restart = ice_restart;
        }
        let mut media = Vec::new();
        for section in &self.sections {
            media.push(match &section.kind {
                SectionKind::Media(transceiver) => self.offered_media(&section.mid, transceiver),
                SectionKind::Data => self.data(&section.mid, Setup::ActPass),
                SectionKind::Rejected(kind) => rejected(kind, &section.mid),
            });
        }
        for transceiver in self.transceivers.iter().filter(|transceiver| transceiver.needs_section()) {
            media.push(self.offered_media(&self.unused_mid(&media), transceiver));
        }
        if self.wants_data && !media.iter().any(|section| section.kind == "application") {
            media.push(self.data(&self.unused_mid(&media), Setup::ActPass));
        }
        self.describe(media, SdpType::Offer)
    }

    /// Writes the answer to the remote offer that is pending.
    pub(crate) fn create_answer(&mut self) -> Result<SessionDescription, RtcError> {
        let (SignalingState::HaveRemoteOffer, Some(pending)) = (self.signaling, &self.pending) else {
            return Err(RtcError::invalid_state("there is no remote offer to answer"));
        };
        let offer = &pending.description;
        let mut media = Vec::new();
        for (section, offered) in self.sections.iter().zip(&offer.media) {
            let setup = match offer.setup(offered) {
                Some(Setup::Active) => Setup::Passive,
                _ => Setup::Active,
            };
            media.push(match &section.kind {
                _ if offered.is_rejected() => rejected(&offered.kind, &section.mid),
                SectionKind::Data => self.data(&section.mid, setup),
                SectionKind::Rejected(kind) => rejected(kind, &section.mid),
                SectionKind::Media(transceiver) => {
                    let wanted = offer.direction(offered).reversed();
                    self.answered_media(&section.mid, transceiver, offered, wanted, setup)
                }
            });
        }
        self.describe(media, SdpType::Answer)
    }

    fn describe(
        &mut self,
        media: Vec<MediaSection>,
        sdp_type: SdpType,
    ) -> Result<SessionDescription, RtcError> {
        let bundled: Vec<&str> =
            media.iter().filter(|section| !section.is_rejected()).filter_map(MediaSection::mid).collect();
        let attributes = vec![
            Attribute::new("group", format!("BUNDLE {}", bundled.join(" "))),
            Attribute::flag("extmap-allow-mixed"),
            Attribute::new("msid-semantic", "WMS *"),
        ];
        let description = Description { origin: self.origin, attributes, media };
        self.origin.1 += 1;
        SessionDescription::parse(&description.to_string(), sdp_type)
            .map_err(|error| RtcError::internal(error.to_string()))
    }

    /// The smallest number that names no section yet.
    fn unused_mid(&self, media: &[MediaSection]) -> String {
        let mut number = media.len();
        while media.iter().any(|section| section.mid() == Some(&number.to_string())) {
            number += 1;
        }
        number.to_string()
    }

    fn offered_media(&self, mid: &str, transceiver: &Transceiver) -> MediaSection {
        let Some(direction) = transceiver.wanted_direction() else {
            return rejected(transceiver.kind().name(), mid);
        };
        let mut section = new_media(transceiver.kind());
        match transceiver.kind() {
            MediaKind::Audio => {
                section.formats.push(codecs::OPUS_PAYLOAD_TYPE.to_string());
                self.transport(&mut section.attributes, mid, Setup::ActPass);
                section.attributes.push(extension(codecs::AUDIO_LEVEL_ID, codecs::AUDIO_LEVEL_URI));
                section.attributes.push(extension(codecs::MID_ID, codecs::MID_URI));
                section.attributes.push(Attribute::flag(direction.name()));
                opus(&mut section.attributes, codecs::OPUS_PAYLOAD_TYPE, true);
            }
            MediaKind::Video => {
                self.transport(&mut section.attributes, mid, Setup::ActPass);
                section.attributes.push(extension(codecs::MID_ID, codecs::MID_URI));
                section.attributes.push(Attribute::flag(direction.name()));
                for (payload_type, codec, format) in codecs::VIDEO {
                    section.formats.push(payload_type.to_string());
                    video(&mut section.attributes, payload_type, codec, format);
                }
            }
        }
        sender(&mut section.attributes, transceiver, direction);
        section
    }

    fn answered_media(
        &self,
        mid: &str,
        transceiver: &Transceiver,
        offered: &MediaSection,
        wanted: Direction,
        setup: Setup,
    ) -> MediaSection {
        let Some(direction) = transceiver.wanted_direction() else {
            return rejected(&offered.kind, mid);
        };
        let direction = direction.and(wanted);
        let mut section = new_media(transceiver.kind());
        self.transport(&mut section.attributes, mid, setup);
        for (id, uri) in
            [(codecs::AUDIO_LEVEL_ID, codecs::AUDIO_LEVEL_URI), (codecs::MID_ID, codecs::MID_URI)]
        {
            if offered.extension_maps().any(|map| map.id == id && map.uri == uri) {
                section.attributes.push(extension(id, uri));
            }
        }
        section.attributes.push(Attribute::flag(direction.name()));
        for map in offered.rtp_maps() {
            let accepted = match transceiver.kind() {
                MediaKind::Audio if is_opus(&map.codec) => {
                    let nack = offered.has_feedback(map.payload_type, "nack");
                    opus(&mut section.attributes, map.payload_type, nack);
                    true
                }
                MediaKind::Video => match codecs::VIDEO.iter().find(|(_, codec, _)| *codec == map.codec) {
                    Some((_, codec, format)) => {
                        video(&mut section.attributes, map.payload_type, codec, *format);
                        true
                    }
                    None => false,
                },
                MediaKind::Audio => false,
            };
            if accepted {
                section.formats.push(map.payload_type.to_string());
            }
        }
        if section.formats.is_empty() {
            return rejected(&offered.kind, mid);
        }
        sender(&mut section.attributes, transceiver, direction);
        section
    }

    fn data(&self, mid: &str, setup: Setup) -> MediaSection {
        let mut section = MediaSection {
            kind: "application".to_owned(),
            port: 9,
            protocol: "UDP/DTLS/SCTP".to_owned(),
            formats: vec!["webrtc-datachannel".to_owned()],
            attributes: Vec::new(),
        };
        self.transport(&mut section.attributes, mid, setup);
        section.attributes.push(Attribute::new("sctp-port", 5000));
        section.attributes.push(Attribute::new("max-message-size", MAX_MESSAGE_SIZE));
        section
    }

    fn transport(&self, attributes: &mut Vec<Attribute>, mid: &str, setup: Setup) {
        let credentials = self.local.restart.as_ref().unwrap_or(&self.local.credentials);
        attributes.push(Attribute::new("ice-ufrag", &credentials.ufrag));
        attributes.push(Attribute::new("ice-pwd", &credentials.password));
        attributes.push(Attribute::new("ice-options", "trickle"));
        attributes.push(Attribute::new("fingerprint", &self.local.fingerprint));
        let setup = match setup {
            Setup::ActPass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
        };
        attributes.push(Attribute::new("setup", setup));
        attributes.push(Attribute::new("mid", mid));
        attributes.extend(self.local.candidates.iter().map(|line| Attribute::new("candidate", line)));
    }
}

impl Transceiver {
    fn needs_section(&self) -> bool {
        let state = self.state();
        state.mid.is_none() && state.direction != RtpTransceiverDirection::Stopped
    }

    /// What the program wants; `None` for a transceiver that was stopped.
    fn wanted_direction(&self) -> Option<Direction> {
        let (sends, receives) = match self.state().direction {
            RtpTransceiverDirection::SendRecv => (true, true),
            RtpTransceiverDirection::SendOnly => (true, false),
            RtpTransceiverDirection::RecvOnly => (false, true),
            RtpTransceiverDirection::Inactive => (false, false),
            RtpTransceiverDirection::Stopped => return None,
        };
        Some(Direction { sends, receives })
    }
}

pub(super) fn is_opus(codec: &str) -> bool {
    codec.eq_ignore_ascii_case("opus")
}

fn new_media(kind: MediaKind) -> MediaSection {
    MediaSection {
        kind: kind.name().to_owned(),
        port: 9,
        protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
        formats: Vec::new(),
        attributes: Vec::new(),
    }
}

fn rejected(kind: &str, mid: &str) -> MediaSection {
    let (protocol, format) = match kind {
        "application" => ("UDP/DTLS/SCTP", "webrtc-datachannel"),
        _ => ("UDP/TLS/RTP/SAVPF", "0"),
    };
    MediaSection {
        kind: kind.to_owned(),
        port: 0,
        protocol: protocol.to_owned(),
        formats: vec![format.to_owned()],
        attributes: vec![Attribute::new("mid", mid), Attribute::flag("inactive")],
    }
}

fn extension(id: u8, uri: &str) -> Attribute {
    Attribute::new("extmap", format!("{id} {uri}"))
}

fn opus(attributes: &mut Vec<Attribute>, payload_type: u8, nack: bool) {
    attributes.push(Attribute::flag("rtcp-mux"));
    attributes.push(Attribute::flag("rtcp-rsize"));
    attributes.push(Attribute::new("rtpmap", format!("{payload_type} opus/48000/2")));
    if nack {
        attributes.push(Attribute::new("rtcp-fb", format!("{payload_type} nack")));
    }
    attributes.push(Attribute::new("fmtp", format!("{payload_type} {}", codecs::OPUS_FORMAT)));
}

fn video(attributes: &mut Vec<Attribute>, payload_type: u8, codec: &str, format: Option<&str>) {
    if !attributes.iter().any(|attribute| attribute.name == "rtcp-mux") {
        attributes.push(Attribute::flag("rtcp-mux"));
        attributes.push(Attribute::flag("rtcp-rsize"));
    }
    attributes.push(Attribute::new("rtpmap", format!("{payload_type} {codec}/90000")));
    attributes.push(Attribute::new("rtcp-fb", format!("{payload_type} nack pli")));
    if let Some(format) = format {
        attributes.push(Attribute::new("fmtp", format!("{payload_type} {format}")));
    }
}

/// The stream and the track that are sent, with the SSRC: a LiveKit server finds a published track by its id here.
fn sender(attributes: &mut Vec<Attribute>, transceiver: &Transceiver, direction: Direction) {
    let state = transceiver.state();
    let Some(track) = state.sender.track.as_ref().filter(|_| direction.sends) else { return };
    let stream = state.sender.stream_ids.first().map_or("-", String::as_str);
    let ssrc = state.sender.ssrc;
    attributes.push(Attribute::new("msid", format!("{stream} {}", track.id())));
    attributes.push(Attribute::new("ssrc", format!("{ssrc} cname:{}", state.sender.cname)));
    attributes.push(Attribute::new("ssrc", format!("{ssrc} msid:{stream} {}", track.id())));
}
