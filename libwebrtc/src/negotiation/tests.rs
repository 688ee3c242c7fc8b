use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::audio::opus_format::OpusFormat;
use crate::audio_source::{AudioSourceOptions, native::NativeAudioSource};
use crate::audio_track::{AudioOrigin, RtcAudioTrack};
use crate::media_stream_track::MediaStreamTrack;
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
fn a_removed_track_ends_at_the_peer_and_its_section_can_be_used_again() {
    let (mut offerer, mut answerer) = (negotiation("offerer"), negotiation("answerer"));
    let sender = transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid"));
    offerer.add_transceiver(sender.clone());
    let offer = offerer.create_offer(None).expect("make offer");
    let (_, theirs) = exchange(&mut offerer, &offer, &mut answerer);
    let receiver = theirs.started[0].clone();
    let track = receiver.state().receiver.track.clone().expect("a remote track");

    offerer.remove_track(&sender).expect("remove track");
    let offer = offerer.create_offer(None).expect("make offer");
    let (ours, _) = exchange(&mut offerer, &offer, &mut answerer);
    assert_eq!(ours.outcome.expect("complete").media[0].send, None);
    assert_eq!(track.state(), crate::media_stream_track::RtcTrackState::Ended);
    assert!(receiver.state().receiver.track.is_none());

    // The way `livekit` offers unused sections to the server, which may send in them.
    let offer =
        offerer.create_offer(None).expect("make offer").to_string().replace("a=inactive", "a=recvonly");
    let offer = SessionDescription::parse(&offer, SdpType::Offer).expect("parse offer");
    offerer.set_local_description(&offer).expect("set offer");
    let answer =
        offer.to_string().replace("a=recvonly", "a=sendonly\r\na=msid:stream track\r\na=ssrc:42 cname:x");
    let answer = answer.replace("a=setup:actpass", "a=setup:active");
    let answer = SessionDescription::parse(&answer, SdpType::Answer).expect("parse answer");
    let applied = offerer.set_remote_description(&answer, || credentials("next")).expect("take answer");
    assert_eq!(applied.started.len(), 1);
    assert_eq!(applied.outcome.expect("complete").media[0].receive, [42]);
    assert_eq!(sender.state().receiver.stream_ids, ["stream"]);
}

#[test]
fn an_offer_is_rolled_back_by_the_last_answer_and_made_anew() {
    let (mut offerer, mut answerer) = (negotiation("offerer"), negotiation("answerer"));
    offerer.want_data();
    let offer = offerer.create_offer(None).expect("make offer");
    exchange(&mut offerer, &offer, &mut answerer);
    let last_answer = offerer.current_remote_description().expect("answer");

    let sender = transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid"));
    offerer.add_transceiver(sender.clone());
    let offer = offerer.create_offer(None).expect("make offer");
    offerer.set_local_description(&offer).expect("set offer");
    assert_eq!(sender.state().mid.as_deref(), Some("1"));
    let applied = offerer.set_remote_description(&last_answer, || credentials("next")).expect("roll back");
    assert!(applied.outcome.is_none());
    assert_eq!(offerer.signaling_state(), SignalingState::Stable);
    assert_eq!(sender.state().mid, None);

    let offer = offerer.create_offer(Some(credentials("restarted"))).expect("make offer");
    assert_eq!(sections(&offer)[1].attribute("ice-ufrag"), Some("restarted"));
    let (ours, theirs) = exchange(&mut offerer, &offer, &mut answerer);
    assert_eq!(ours.outcome.expect("complete").local_credentials, credentials("restarted"));
    let theirs = theirs.outcome.expect("complete");
    assert_eq!(theirs.remote_credentials, credentials("restarted"));
    assert_eq!(theirs.local_credentials, credentials("next"));
    assert_eq!(theirs.media.len(), 1);
}

#[test]
fn descriptions_that_do_not_fit_the_state_are_refused() {
    let mut negotiation = negotiation("someone");
    let answer = SessionDescription::parse("v=0\r\n", SdpType::Answer).expect("parse");
    assert!(negotiation.set_remote_description(&answer, || credentials("next")).is_err());
    assert!(negotiation.set_local_description(&answer).is_err());
    assert!(negotiation.create_answer().is_err());
}

/// Something between noise and a description.
fn almost_a_description() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("m=audio 9 UDP/TLS/RTP/SAVPF 111".to_owned()),
        Just("m=application 9 UDP/DTLS/SCTP webrtc-datachannel".to_owned()),
        Just("m=video 0 x".to_owned()),
        Just("a=mid:0".to_owned()),
        Just("a=ice-ufrag:u".to_owned()),
        Just("a=ice-pwd:p".to_owned()),
        Just("a=fingerprint:sha-256 AB".to_owned()),
        Just("a=rtpmap:111 opus/48000/2".to_owned()),
        "a=(rtpmap|fmtp|extmap|ssrc|msid|setup|candidate):\\PC{0,20}",
        "[a-z]=\\PC{0,20}",
        "\\PC{0,20}",
    ];
    proptest::collection::vec(line, 0..20).prop_map(|lines| format!("v=0\r\n{}\r\n", lines.join("\r\n")))
}

proptest! {
    #[test]
    fn no_description_makes_negotiation_panic(text in almost_a_description(), is_offer: bool) {
        let mut negotiation = negotiation("someone");
        negotiation.add_transceiver(transceiver(MediaKind::Audio, RtpTransceiverDirection::SendRecv, Some("cid")));
        negotiation.want_data();
        let sdp_type = if is_offer { SdpType::Offer } else { SdpType::Answer };
        let Ok(description) = SessionDescription::parse(&text, sdp_type) else { return Ok(()) };
        if !is_offer {
            let offer = negotiation.create_offer(None).expect("make offer");
            negotiation.set_local_description(&offer).expect("set offer");
        }
        let applied = negotiation.set_remote_description(&description, || credentials("next"));
        if is_offer && applied.is_ok() {
            let answer = negotiation.create_answer().expect("make answer");
            drop(negotiation.set_local_description(&answer));
        }
    }

    #[test]
    fn what_is_parsed_is_written_the_same(text in almost_a_description()) {
        let Ok(description) = Description::parse(&text) else { return Ok(()) };
        let written = Description::parse(&description.to_string()).expect("parse what was written");
        prop_assert_eq!(written, description);
    }

    #[test]
    fn any_candidate_line_can_be_carried(line in "\\PC{0,80}") {
        let candidate = crate::ice_candidate::IceCandidate::parse("0", 0, &line).expect("parse candidate");
        prop_assert_eq!(candidate.candidate(), line.trim());
    }
}
