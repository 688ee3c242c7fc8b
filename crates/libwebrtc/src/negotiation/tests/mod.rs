//! Offers and answers between two negotiations.

mod arbitrary;
mod roll_back;
mod sections;

use std::sync::Arc;

use super::*;
use crate::RtcErrorType;
use crate::audio::opus_format::OpusFormat;
use crate::audio_source::{AudioSourceOptions, native::NativeAudioSource};
use crate::audio_track::{AudioOrigin, RtcAudioTrack};
use crate::media_stream_track::{MediaStreamTrack, RtcTrackState};
use crate::rtp_transceiver::RtpTransceiverInit;
use crate::sdp::MediaSection;
use crate::session_description::SdpType;

use super::transceiver::MediaKind;

fn credentials(name: &str) -> IceCredentials {
    IceCredentials { ufrag: name.to_owned(), password: format!("password of {name}") }
}

fn negotiation(name: &str) -> Negotiation {
    Negotiation::new(credentials(name), "sha-256 AB:CD".to_owned())
}

fn transceiver(kind: MediaKind, direction: RtpTransceiverDirection, track: Option<&str>) -> Arc<Transceiver> {
    let track = track.map(|id| {
        let source = NativeAudioSource::new(AudioSourceOptions::default(), 48_000, 1, 0);
        MediaStreamTrack::Audio(RtcAudioTrack::new(id, AudioOrigin::Source(source)))
    });
    let init = RtpTransceiverInit { direction, stream_ids: Vec::new(), send_encodings: Vec::new() };
    Arc::new(Transceiver::new(kind, track, init))
}

/// Lets `answerer` answer, and answers both outcomes: the offerer's first.
fn exchange(
    offerer: &mut Negotiation,
    offer: &SessionDescription,
    answerer: &mut Negotiation,
) -> (Applied, Applied) {
    offerer.set_local_description(offer).expect("set offer");
    exchange_answer(offerer, offer, answerer)
}

/// Like [`exchange`], for an offer that is set already.
fn exchange_answer(
    offerer: &mut Negotiation,
    offer: &SessionDescription,
    answerer: &mut Negotiation,
) -> (Applied, Applied) {
    let offered = answerer.set_remote_description(offer, || credentials("next")).expect("take offer");
    let answer = answerer.create_answer().expect("make answer");
    let outcome = answerer.set_local_description(&answer).expect("set answer").outcome;
    let applied = offerer.set_remote_description(&answer, || credentials("next")).expect("take answer");
    (applied, Applied { outcome, started: offered.started })
}

fn sections(description: &SessionDescription) -> Vec<MediaSection> {
    Description::parse(&description.to_string()).expect("parse description").media
}

#[test]
fn an_offer_and_its_answer_agree_on_media_data_and_roles() {
    let (mut offerer, mut answerer) = (negotiation("offerer"), negotiation("answerer"));
    let sender = transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid"));
    offerer.add_transceiver(sender.clone());
    offerer.add_transceiver(transceiver(MediaKind::Video, RtpTransceiverDirection::RecvOnly, None));
    offerer.want_data();

    let offer = offerer.create_offer(None).expect("make offer");
    assert_eq!(sender.state().mid, None, "an offer that may be dropped has named a section");
    let (ours, theirs) = exchange(&mut offerer, &offer, &mut answerer);
    assert_eq!(sender.state().mid.as_deref(), Some("0"));
    assert_eq!(sender.state().current_direction, Some(RtpTransceiverDirection::SendOnly));

    let (ours, started) = (ours.outcome.expect("complete"), theirs.started);
    let theirs = theirs.outcome.expect("complete");
    assert!(ours.ice_controlling && !theirs.ice_controlling);
    assert!(!ours.dtls_active && theirs.dtls_active);
    assert!(ours.data && theirs.data);
    assert_eq!(theirs.remote_credentials, credentials("offerer"));
    assert_eq!(ours.media[0].send, Some(codecs::OPUS_PAYLOAD_TYPE));
    assert!(ours.media[0].audio_level);
    assert_eq!(theirs.media[0].receive, [sender.state().sender.ssrc]);
    assert_eq!(started.len(), 1);
    let track = started[0].state().receiver.track.clone().expect("a remote track");
    assert_eq!(track.id(), "cid");
}

#[test]
fn the_payload_type_is_the_peers() {
    let (mut offerer, mut answerer) = (negotiation("offerer"), negotiation("answerer"));
    offerer.add_transceiver(transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid")));
    let offer = offerer.create_offer(None).expect("make offer");
    let text = offer.to_string().replace("111", "97");
    let offer = SessionDescription::parse(&text, SdpType::Offer).expect("parse offer");
    let (ours, theirs) = exchange(&mut offerer, &offer, &mut answerer);
    assert_eq!(ours.outcome.expect("complete").media[0].send, Some(97));
    assert!(
        sections(&answerer.current_local_description().expect("answer"))[0]
            .formats
            .contains(&"97".to_owned())
    );
    assert_eq!(theirs.started[0].state().receiver.payload_type, Some(97));
}

#[test]
fn the_peer_says_how_it_wants_to_get_opus() {
    let (mut offerer, mut answerer) = (negotiation("offerer"), negotiation("answerer"));
    offerer.add_transceiver(transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid")));
    let offer = offerer.create_offer(None).expect("make offer");
    offerer.set_local_description(&offer).expect("set offer");
    answerer.set_remote_description(&offer, || credentials("next")).expect("take offer");
    let answer = answerer.create_answer().expect("make answer").to_string();
    let answer = answer.replace("useinbandfec=1", "useinbandfec=1;usedtx=1;maxaveragebitrate=20000");
    // Of another payload type.
    let answer = format!("{answer}a=fmtp:63 stereo=1\r\n");
    let answer = SessionDescription::parse(&answer, SdpType::Answer).expect("parse answer");
    let applied = offerer.set_remote_description(&answer, || credentials("next")).expect("take answer");
    let expected = OpusFormat { fec: true, dtx: true, max_bitrate: Some(20_000), ..OpusFormat::default() };
    assert_eq!(applied.outcome.expect("complete").media[0].opus, expected);
}

#[test]
fn descriptions_that_do_not_fit_the_state_are_refused() {
    let mut negotiation = negotiation("someone");
    let answer = SessionDescription::parse("v=0\r\n", SdpType::Answer).expect("parse");
    assert!(negotiation.set_remote_description(&answer, || credentials("next")).is_err());
    assert!(negotiation.set_local_description(&answer).is_err());
    assert!(negotiation.create_answer().is_err());
}
