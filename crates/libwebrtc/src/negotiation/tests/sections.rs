//! Sections that change what they are for.

use super::*;

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
    assert_eq!(track.state(), RtcTrackState::Ended);
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
fn an_unused_section_is_received_in_only_while_the_offer_says_so() {
    let mut negotiation = negotiation("someone");
    let slot = transceiver(MediaKind::Audio, RtpTransceiverDirection::Inactive, None);
    negotiation.add_transceiver(slot.clone());
    for (direction, receives) in [("inactive", false), ("recvonly", true), ("inactive", false)] {
        let offer = negotiation.create_offer(None).expect("make offer").to_string();
        assert!(offer.contains("a=inactive"), "what was munged once is offered by itself: {offer}");
        let offer = offer.replace("a=inactive", &format!("a={direction}"));
        let offer = SessionDescription::parse(&offer, SdpType::Offer).expect("parse offer");
        negotiation.set_local_description(&offer).expect("set offer");
        let applied = negotiation
            .set_remote_description(&sending_answer(&offer, direction, "stream", 42), || credentials("next"))
            .expect("take answer");
        let media = &applied.outcome.expect("complete").media[0];
        assert_eq!(media.receive, if receives { vec![42] } else { Vec::new() });
        assert_eq!(slot.state().receiver.track.is_some(), receives);
    }
}

#[test]
fn a_section_that_is_reused_for_another_stream_has_another_track() {
    let mut negotiation = negotiation("someone");
    let slot = transceiver(MediaKind::Audio, RtpTransceiverDirection::RecvOnly, None);
    negotiation.add_transceiver(slot.clone());
    let mut before: Option<MediaStreamTrack> = None;
    for (stream, ssrc) in [("first", 1), ("second", 2), ("third", 3)] {
        let offer = negotiation.create_offer(None).expect("make offer");
        negotiation.set_local_description(&offer).expect("set offer");
        let answer = sending_answer(&offer, "recvonly", stream, ssrc);
        let applied = negotiation.set_remote_description(&answer, || credentials("next")).expect("take");
        assert_eq!(applied.outcome.expect("complete").media[0].receive, [ssrc]);
        assert_eq!((applied.started.len(), slot.state().mid.as_deref()), (1, Some("0")));
        assert_eq!(slot.state().receiver.stream_ids, [stream]);
        let track = slot.state().receiver.track.clone();
        let ended = before.as_ref().map(MediaStreamTrack::state);
        assert!(ended.is_none_or(|state| state == RtcTrackState::Ended), "the track before goes on");
        before = track;
    }
}

#[test]
fn a_section_of_an_unknown_kind_is_rejected_and_keeps_its_place() {
    let (mut offerer, mut answerer) = (negotiation("offerer"), negotiation("answerer"));
    offerer.add_transceiver(transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid")));
    offerer.want_data();
    let offer = offerer.create_offer(None).expect("make offer").to_string();
    let unknown = "m=image 9 UDP/TLS/UDPTL t38\r\na=mid:fax\r\nm=application ";
    let offer = offer.replace("m=application ", unknown).replace("a=mid:1", "a=mid:data");
    let offer = SessionDescription::parse(&offer, SdpType::Offer).expect("parse offer");
    answerer.set_remote_description(&offer, || credentials("next")).expect("take offer");
    let answer = answerer.create_answer().expect("make answer");
    assert!(!answer.to_string().lines().any(|line| line.contains("BUNDLE") && line.contains("fax")));
    let outcome = answerer.set_local_description(&answer).expect("set answer").outcome.expect("complete");
    assert!(outcome.data && outcome.media.len() == 1);

    // In the answer and in the offers that follow.
    for description in [answer, answerer.create_offer(None).expect("make offer")] {
        let sections = sections(&description);
        let places: Vec<_> =
            sections.iter().map(|section| (section.kind.as_str(), section.is_rejected())).collect();
        assert_eq!(places, [("audio", false), ("image", true), ("application", false)]);
        let mids: Vec<_> = sections.iter().filter_map(MediaSection::mid).collect();
        assert_eq!(mids, ["0", "fax", "data"]);
    }
}

#[test]
fn an_offer_that_moves_or_drops_sections_is_refused() {
    let (mut offerer, mut answerer) = (negotiation("offerer"), negotiation("answerer"));
    offerer.add_transceiver(transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid")));
    offerer.want_data();
    let offer = offerer.create_offer(None).expect("make offer");
    exchange(&mut offerer, &offer, &mut answerer);
    let offer = offerer.create_offer(None).expect("make offer");
    let mut description = Description::parse(&offer.to_string()).expect("parse offer");
    let mut shorter = description.clone();
    shorter.media.pop();
    description.media.reverse();
    for changed in [description, shorter] {
        let changed = SessionDescription::parse(&changed.to_string(), SdpType::Offer).expect("parse offer");
        let refused = answerer.set_remote_description(&changed, || credentials("next")).map(|_| ());
        assert_eq!(refused.expect_err("took it").error_type, RtcErrorType::InvalidSdp);
        assert_eq!(answerer.signaling_state(), SignalingState::Stable);
    }
}

/// Of a peer that sends in the first section, whatever it was offered.
fn sending_answer(
    offer: &SessionDescription,
    direction: &str,
    stream: &str,
    ssrc: u32,
) -> SessionDescription {
    let sends = format!("a=sendonly\r\na=msid:{stream} track\r\na=ssrc:{ssrc} cname:x");
    let answer = offer.to_string().replace(&format!("a={direction}"), &sends);
    SessionDescription::parse(&answer.replace("a=setup:actpass", "a=setup:active"), SdpType::Answer)
        .expect("parse answer")
}
