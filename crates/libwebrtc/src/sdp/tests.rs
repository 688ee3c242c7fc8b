//! Descriptions that are read, refused and written back.

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_not_a_description_says_which_line() {
    for (text, line) in [
        ("", ""),
        ("o=- 1 2 IN IP4 0.0.0.0", "o=- 1 2 IN IP4 0.0.0.0"),
        ("v=0\r\nnonsense", "nonsense"),
        ("v=0\r\nm=audio 9", "m=audio 9"),
        ("v=0\r\nm=audio port RTP 0", "m=audio port RTP 0"),
        ("v=0\r\nm=audio 65536 RTP 0", "m=audio 65536 RTP 0"),
    ] {
        assert_eq!(Description::parse(text).expect_err(text).line, line);
    }
}

#[test]
fn what_a_description_makes_us_keep_is_bounded() {
    let section = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
    let text = |sections: usize| format!("v=0\r\n{}", section.repeat(sections));
    assert_eq!(Description::parse(&text(MAX_SECTIONS)).expect("parse").media.len(), MAX_SECTIONS);
    let error = Description::parse(&text(MAX_SECTIONS + 1)).expect_err("parse too many sections");
    assert_eq!(error.description, "there are too many media sections");

    let streams: String = (0..200_000).map(|ssrc| format!("a=ssrc:{ssrc} cname:x\r\n")).collect();
    let description = Description::parse(&format!("v=0\r\n{section}{streams}")).expect("parse");
    assert_eq!(description.media[0].ssrcs(), (0..16).collect::<Vec<u32>>());
}

/// A line of an attribute that is read, with values that are nearly right.
fn attribute() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("mid"),
        Just("msid"),
        Just("ssrc"),
        Just("rtpmap"),
        Just("fmtp"),
        Just("rtcp-fb"),
        Just("extmap"),
        Just("setup"),
        Just("ice-ufrag"),
        Just("ice-pwd"),
        Just("fingerprint"),
        Just("candidate"),
        Just("sendonly"),
    ];
    let value =
        prop_oneof!["[0-9]{0,12}", "[0-9]{1,3} [a-z]{0,8}/[0-9]{0,6}/?", "[a-z:;=/*-]{0,16}", "\\PC{0,24}"];
    (name, proptest::collection::vec(value, 0..4)).prop_map(|(name, values)| match values.as_slice() {
        [] => format!("a={name}"),
        values => format!("a={name}:{}", values.join(" ")),
    })
}

fn almost_a_description() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => attribute(),
        1 => Just("m=audio 9 UDP/TLS/RTP/SAVPF 111".to_owned()),
        1 => "m=[a-z]{0,12} [0-9/]{0,6} [A-Z/]{0,20}( [0-9]{1,3}){0,4}",
        1 => "[a-z]=\\PC{0,20}",
        1 => "\\PC{0,20}",
    ];
    proptest::collection::vec(line, 0..24).prop_map(|lines| format!("v=0\r\n{}\r\n", lines.join("\r\n")))
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,300}", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(Description::parse(&text));
        drop(Description::parse(&String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn what_is_parsed_is_written_the_same(text in almost_a_description()) {
        let Ok(description) = Description::parse(&text) else { return Ok(()) };
        let written = Description::parse(&description.to_string()).expect("parse what was written");
        prop_assert_eq!(written, description);
    }

    #[test]
    fn attributes_are_read_as_far_as_they_make_sense(text in almost_a_description()) {
        let Ok(description) = Description::parse(&text) else { return Ok(()) };
        let lines = text.lines().count();
        for section in &description.media {
            prop_assert!(section.rtp_maps().all(|map| map.payload_type < 128));
            prop_assert!(section.rtp_maps().count() <= lines && section.extension_maps().count() <= lines);
            prop_assert!(section.candidates().count() <= lines && section.ssrcs().len() <= lines);
            let (streams, _) = section.msid();
            prop_assert!(streams.iter().all(|stream| !stream.is_empty() && stream != "-"));
            drop((description.setup(section), description.ice_credentials(section)));
            let direction = description.direction(section);
            prop_assert_eq!(direction.reversed().reversed(), direction);
            prop_assert!(description.fingerprint(section).is_none_or(|fingerprint| text.contains(fingerprint)));
            prop_assert!(section.mid().is_none_or(|mid| text.contains(mid)));
            for payload_type in [0, 111, 127] {
                section.has_feedback(payload_type, "nack");
            }
        }
    }
}
