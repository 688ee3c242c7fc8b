//! Taking a description of either side.

use std::sync::Arc;

use crate::RtcError;
use crate::audio::receive::RemoteAudio;
use crate::audio_track::{AudioOrigin, RtcAudioTrack};
use crate::media_stream_track::MediaStreamTrack;
use crate::peer_connection::SignalingState;
use crate::rtp_transceiver::{RtpTransceiverDirection, RtpTransceiverInit};
use crate::sdp::{Description, Direction, IceCredentials, MediaSection};
use crate::session_description::{SdpType, SessionDescription};
use crate::video_track::RtcVideoTrack;

use super::transceiver::{MediaKind, Transceiver};
use super::{Negotiation, Outcome, Pending, Section, SectionKind};

/// What followed from a description.
#[derive(Default)]
pub(crate) struct Applied {
    /// Offer and answer are complete.
    pub(crate) outcome: Option<Outcome>,
    /// Transceivers whose peer began to send.
    pub(crate) started: Vec<Arc<Transceiver>>,
}

impl Negotiation {
    pub(crate) fn set_local_description(&mut self, text: &SessionDescription) -> Result<Applied, RtcError> {
        match (text.sdp_type(), self.signaling) {
            (SdpType::Offer, SignalingState::Stable | SignalingState::HaveLocalOffer) => {
                let description = parse(text)?;
                self.roll_back();
                self.adopt_offered_sections(&description)?;
                self.pending = Some(Pending { text: text.clone(), description });
                self.signaling = SignalingState::HaveLocalOffer;
                Ok(Applied::default())
            }
            (SdpType::Answer, SignalingState::HaveRemoteOffer) => {
                let description = parse(text)?;
                let offer =
                    self.pending.take().ok_or_else(|| RtcError::internal("the pending offer is missing"))?;
                let outcome = self.conclude(&description, &offer.description, false)?;
                self.current_local = Some(text.clone());
                self.current_remote = Some(offer.text);
                self.signaling = SignalingState::Stable;
                Ok(Applied { outcome: Some(outcome), started: Vec::new() })
            }
            (SdpType::Rollback, SignalingState::HaveLocalOffer) => {
                self.roll_back();
                Ok(Applied::default())
            }
            (sdp_type, state) => Err(unexpected("local", sdp_type, state)),
        }
    }

    /// `credentials` are this side's next ones, should the peer restart ICE.
    pub(crate) fn set_remote_description(
        &mut self,
        text: &SessionDescription,
        credentials: impl FnOnce() -> IceCredentials,
    ) -> Result<Applied, RtcError> {
        match (text.sdp_type(), self.signaling) {
            (SdpType::Answer, SignalingState::HaveLocalOffer) if self.was_answered_with(text) => {
                // The way `livekit` cancels an offer whose answer it does not wait for.
                self.roll_back();
                Ok(Applied::default())
            }
            (SdpType::Answer, SignalingState::HaveLocalOffer) => {
                let description = parse(text)?;
                let offer =
                    self.pending.take().ok_or_else(|| RtcError::internal("the pending offer is missing"))?;
                let outcome = self.conclude(&offer.description, &description, true)?;
                let started = self.update_receivers(&offer.description, &description);
                self.current_local = Some(offer.text);
                self.current_remote = Some(text.clone());
                self.signaling = SignalingState::Stable;
                Ok(Applied { outcome: Some(outcome), started })
            }
            (SdpType::Offer, SignalingState::Stable) => {
                let description = parse(text)?;
                self.refuse_other_order(&description)?;
                self.adopt_remote_sections(&description);
                self.answer_ice_restart(&description, credentials);
                let started = self.update_receivers_of_offer(&description);
                self.pending = Some(Pending { text: text.clone(), description });
                self.signaling = SignalingState::HaveRemoteOffer;
                Ok(Applied { outcome: None, started })
            }
            (SdpType::Rollback, SignalingState::HaveRemoteOffer) => {
                self.roll_back();
                // Credentials that would have answered a restart.
                self.local.restart = None;
                Ok(Applied { outcome: None, started: self.restore_receivers() })
            }
            (sdp_type, state) => Err(unexpected("remote", sdp_type, state)),
        }
    }

    fn was_answered_with(&self, text: &SessionDescription) -> bool {
        self.current_remote.as_ref().is_some_and(|current| current.to_string() == text.to_string())
    }

    /// Forgets the pending offer and the sections it added, with the transceivers that were made for a remote one.
    /// Credentials of an ICE restart stay: the next offer, which is why `livekit` cancels one, announces them.
    fn roll_back(&mut self) {
        let made_by_offer = self.signaling == SignalingState::HaveRemoteOffer;
        for section in self.sections.drain(self.settled_sections..) {
            let SectionKind::Media(transceiver) = section.kind else { continue };
            transceiver.state().mid = None;
            if made_by_offer {
                self.transceivers.retain(|other| !Arc::ptr_eq(other, &transceiver));
                transceiver.close();
            }
        }
        if self.pending.take().is_some() {
            self.signaling = SignalingState::Stable;
        }
    }

    /// Names the transceivers of the sections a local offer adds: they are in the order of the transceivers.
    fn adopt_offered_sections(&mut self, offer: &Description) -> Result<(), RtcError> {
        for (index, offered) in offer.media.iter().enumerate() {
            let mid =
                offered.mid().ok_or_else(|| RtcError::invalid_sdp("a section of the offer has no mid"))?;
            if let Some(known) = self.sections.get(index) {
                if known.mid != mid {
                    return Err(RtcError::invalid_sdp("the offer changes the order of its sections"));
                }
                continue;
            }
            let kind =
                match media_kind(offered) {
                    Some(kind) => SectionKind::Media(self.adopt(kind, mid).ok_or_else(|| {
                        RtcError::invalid_sdp("the offer has a section without a transceiver")
                    })?),
                    None if offered.kind == "application" => SectionKind::Data,
                    None => SectionKind::Rejected(offered.kind.clone()),
                };
            self.sections.push(Section { mid: mid.to_owned(), kind });
        }
        Ok(())
    }

    fn adopt(&self, kind: MediaKind, mid: &str) -> Option<Arc<Transceiver>> {
        let transceiver = self.transceivers.iter().find(|transceiver| {
            let state = transceiver.state();
            transceiver.kind() == kind
                && state.mid.is_none()
                && state.direction != RtpTransceiverDirection::Stopped
        })?;
        transceiver.state().mid = Some(mid.to_owned());
        Some(transceiver.clone())
    }

    /// A section keeps its place and its name.
    fn refuse_other_order(&self, offer: &Description) -> Result<(), RtcError> {
        let mut offered = offer.media.iter();
        for section in &self.sections {
            match offered.next() {
                Some(offered) if offered.mid().is_none_or(|mid| mid == section.mid) => {}
                _ => return Err(RtcError::invalid_sdp("the offer changes the order of its sections")),
            }
        }
        Ok(())
    }

    /// Makes a receiving transceiver for each media section the peer adds.
    fn adopt_remote_sections(&mut self, offer: &Description) {
        for (index, offered) in offer.media.iter().enumerate().skip(self.sections.len()) {
            let mid = offered.mid().map_or_else(|| index.to_string(), str::to_owned);
            let kind = match media_kind(offered) {
                Some(kind) => {
                    let init = RtpTransceiverInit {
                        direction: RtpTransceiverDirection::RecvOnly,
                        stream_ids: Vec::new(),
                        send_encodings: Vec::new(),
                    };
                    let transceiver = Arc::new(Transceiver::new(kind, None, init));
                    transceiver.state().mid = Some(mid.clone());
                    self.transceivers.push(transceiver.clone());
                    SectionKind::Media(transceiver)
                }
                None if offered.kind == "application" => SectionKind::Data,
                None => SectionKind::Rejected(offered.kind.clone()),
            };
            self.sections.push(Section { mid, kind });
        }
    }

    fn answer_ice_restart(&mut self, offer: &Description, credentials: impl FnOnce() -> IceCredentials) {
        let ufrag = |description: &Description| {
            let section = description.media.iter().find(|section| !section.is_rejected())?;
            description.ice_credentials(section).map(|credentials| credentials.ufrag)
        };
        let current = self.current_remote.as_ref().and_then(|text| parse(text).ok());
        if let Some(current) = current
            && ufrag(&current) != ufrag(offer)
        {
            self.local.restart = Some(credentials());
        }
    }

    /// Receives what was agreed on last.
    fn restore_receivers(&self) -> Vec<Arc<Transceiver>> {
        let current = self.current_local.as_ref().zip(self.current_remote.as_ref());
        let parsed = current.and_then(|(local, remote)| parse(local).ok().zip(parse(remote).ok()));
        parsed.map_or_else(Vec::new, |(local, remote)| self.update_receivers(&local, &remote))
    }

    fn update_receivers(&self, local: &Description, remote: &Description) -> Vec<Arc<Transceiver>> {
        let sections = self.sections.iter().zip(local.media.iter().zip(&remote.media));
        let started = sections.filter_map(|(section, (ours, theirs))| {
            let accepted = !ours.is_rejected() && !theirs.is_rejected();
            let direction = local.direction(ours).and(remote.direction(theirs).reversed());
            update_receiver(section, theirs, direction, accepted)
        });
        started.collect()
    }

    fn update_receivers_of_offer(&self, offer: &Description) -> Vec<Arc<Transceiver>> {
        let sections = self.sections.iter().zip(&offer.media);
        let started = sections.filter_map(|(section, offered)| {
            update_receiver(section, offered, offer.direction(offered).reversed(), !offered.is_rejected())
        });
        started.collect()
    }
}

/// Starts, replaces or ends the remote track of a section. A section that is reused for another stream gets a new track,
/// so that whoever reads the old one sees it end.
fn update_receiver(
    section: &Section,
    remote: &MediaSection,
    direction: Direction,
    accepted: bool,
) -> Option<Arc<Transceiver>> {
    let SectionKind::Media(transceiver) = &section.kind else { return None };
    let (stream_ids, track_id) = remote.msid();
    let receives = accepted && direction.receives && (!stream_ids.is_empty() || !remote.ssrcs().is_empty());
    let mut state = transceiver.state();
    let receiver = &mut state.receiver;
    if receives && receiver.track.is_some() && receiver.stream_ids == stream_ids {
        return None;
    }
    let ended = receiver.track.take();
    receiver.stream_ids.clear();
    if receives {
        let id = track_id.unwrap_or_else(|| section.mid.clone());
        receiver.track = Some(match transceiver.kind() {
            MediaKind::Audio => RtcAudioTrack::new(id, AudioOrigin::Remote(RemoteAudio::default())).into(),
            MediaKind::Video => RtcVideoTrack::new(id).into(),
        });
        receiver.stream_ids = stream_ids;
    }
    drop(state);
    if let Some(track) = ended {
        end(&track);
    }
    receives.then(|| transceiver.clone())
}

impl Transceiver {
    /// Ends what is received and lets go of what is sent.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.direction = RtpTransceiverDirection::Stopped;
        state.current_direction = Some(RtpTransceiverDirection::Stopped);
        let ended = state.receiver.track.take();
        state.receiver.stream_ids.clear();
        state.sender.track = None;
        drop(state);
        if let Some(track) = ended {
            end(&track);
        }
    }
}

fn end(track: &MediaStreamTrack) {
    match track {
        MediaStreamTrack::Audio(track) => track.end(),
        MediaStreamTrack::Video(track) => track.end(),
    }
}

fn media_kind(section: &MediaSection) -> Option<MediaKind> {
    match section.kind.as_str() {
        "audio" => Some(MediaKind::Audio),
        "video" => Some(MediaKind::Video),
        _ => None,
    }
}

fn parse(text: &SessionDescription) -> Result<Description, RtcError> {
    Description::parse(&text.to_string()).map_err(|error| RtcError::invalid_sdp(error.to_string()))
}

fn unexpected(side: &str, sdp_type: SdpType, state: SignalingState) -> RtcError {
    RtcError::invalid_state(format!("a {side} {sdp_type} does not fit the state {state:?}"))
}
