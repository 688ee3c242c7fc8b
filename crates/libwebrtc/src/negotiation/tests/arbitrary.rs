//! Descriptions that nobody should send.

use proptest::prelude::*;

use super::*;

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

    /// Several descriptions of all types, one after the other.
    #[test]
    fn no_sequence_of_descriptions_makes_negotiation_panic(
        descriptions in proptest::collection::vec((almost_a_description(), 0..6u8), 1..8),
    ) {
        let mut negotiation = negotiation("someone");
        negotiation.add_transceiver(transceiver(MediaKind::Audio, RtpTransceiverDirection::Inactive, None));
        for (text, step) in descriptions {
            let remote = |sdp_type| SessionDescription::parse(&text, sdp_type);
            let taken = match step {
                0 => remote(SdpType::Offer),
                1 => remote(SdpType::Answer),
                2 => remote(SdpType::PrAnswer),
                3 => remote(SdpType::Rollback),
                4 => {
                    if let Ok(offer) = negotiation.create_offer(None) {
                        drop(negotiation.set_local_description(&offer));
                    }
                    continue;
                }
                _ => {
                    if let Ok(answer) = negotiation.create_answer() {
                        drop(negotiation.set_local_description(&answer));
                    }
                    continue;
                }
            };
            if let Ok(description) = taken {
                drop(negotiation.set_remote_description(&description, || credentials("next")));
            }
        }
    }
}
