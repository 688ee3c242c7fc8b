//! Offers that are taken back, and those that cross.

use super::*;

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
fn an_offer_that_crosses_ours_is_refused_and_ours_goes_on() {
    let (mut ours, mut theirs) = (negotiation("ours"), negotiation("theirs"));
    ours.want_data();
    theirs.want_data();
    let our_offer = ours.create_offer(None).expect("make offer");
    let their_offer = theirs.create_offer(None).expect("make offer");
    ours.set_local_description(&our_offer).expect("set offer");
    let error = ours.set_remote_description(&their_offer, || credentials("next"));
    assert_eq!(error.map(|_| ()).expect_err("took an offer").error_type, RtcErrorType::InvalidState);
    assert_eq!(ours.signaling_state(), SignalingState::HaveLocalOffer);

    let (applied, _) = exchange_answer(&mut ours, &our_offer, &mut theirs);
    assert!(applied.outcome.expect("complete").data);
}

#[test]
fn an_offer_that_crosses_ours_is_taken_once_ours_is_rolled_back() {
    let (mut ours, mut theirs) = (negotiation("ours"), negotiation("theirs"));
    let our_sender = transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("our-track"));
    ours.add_transceiver(our_sender.clone());
    theirs.add_transceiver(transceiver(
        MediaKind::Audio,
        RtpTransceiverDirection::SendOnly,
        Some("their-track"),
    ));
    let our_offer = ours.create_offer(None).expect("make offer");
    ours.set_local_description(&our_offer).expect("set offer");
    assert_eq!(our_sender.state().mid.as_deref(), Some("0"));

    let their_offer = theirs.create_offer(None).expect("make offer");
    ours.set_local_description(&rollback()).expect("roll back");
    assert_eq!((ours.signaling_state(), our_sender.state().mid.clone()), (SignalingState::Stable, None));
    let (_, applied) = exchange(&mut theirs, &their_offer, &mut ours);
    assert_eq!(applied.started.len(), 1);

    // What was to be sent goes into a section of its own.
    let our_offer = ours.create_offer(None).expect("make offer");
    let (_, applied) = exchange(&mut ours, &our_offer, &mut theirs);
    assert_eq!(our_sender.state().mid.as_deref(), Some("1"));
    let track = applied.started[0].state().receiver.track.clone().expect("a remote track");
    assert_eq!(track.id(), "our-track");
}

#[test]
fn a_remote_offer_that_is_rolled_back_leaves_nothing() {
    let (mut ours, mut theirs) = (negotiation("ours"), negotiation("theirs"));
    ours.want_data();
    let offer = ours.create_offer(None).expect("make offer");
    exchange(&mut ours, &offer, &mut theirs);

    theirs.add_transceiver(transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid")));
    let offer = theirs.create_offer(Some(credentials("restarted"))).expect("make offer");
    let applied = ours.set_remote_description(&offer, || credentials("next")).expect("take offer");
    let track = applied.started[0].state().receiver.track.clone().expect("a remote track");
    ours.set_remote_description(&rollback(), || credentials("unused")).expect("roll back");
    assert_eq!(ours.signaling_state(), SignalingState::Stable);
    assert_eq!(track.state(), RtcTrackState::Ended);
    assert!(ours.transceivers().is_empty());
    let offer = ours.create_offer(None).expect("make offer");
    let sections = sections(&offer);
    assert_eq!(sections.len(), 1);
    assert_eq!(sections[0].attribute("ice-ufrag"), Some("ours"), "a restart that was taken back is answered");
}

#[test]
fn a_remote_offer_that_is_rolled_back_gives_back_the_track_it_took() {
    let (mut ours, mut theirs) = (negotiation("ours"), negotiation("theirs"));
    let sender = transceiver(MediaKind::Audio, RtpTransceiverDirection::SendOnly, Some("cid"));
    theirs.add_transceiver(sender.clone());
    let offer = theirs.create_offer(None).expect("make offer");
    let (_, applied) = exchange(&mut theirs, &offer, &mut ours);
    let receiver = applied.started[0].clone();

    theirs.remove_track(&sender).expect("remove track");
    let offer = theirs.create_offer(None).expect("make offer");
    ours.set_remote_description(&offer, || credentials("next")).expect("take offer");
    assert!(receiver.state().receiver.track.is_none());
    let applied = ours.set_remote_description(&rollback(), || credentials("unused")).expect("roll back");
    assert_eq!(applied.started.len(), 1);
    assert_eq!(receiver.state().receiver.track.as_ref().expect("a remote track").id(), "cid");
}

#[test]
fn there_is_nothing_to_roll_back_without_an_offer() {
    let mut negotiation = negotiation("someone");
    assert!(negotiation.set_local_description(&rollback()).is_err());
    assert!(negotiation.set_remote_description(&rollback(), || credentials("next")).is_err());
}

fn rollback() -> SessionDescription {
    SessionDescription::parse("", SdpType::Rollback).expect("make rollback")
}
