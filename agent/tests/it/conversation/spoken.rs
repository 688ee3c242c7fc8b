//! A spoken conversation, as a front end sees it.

use std::collections::BTreeSet;

use schemas::{Role, UsageType};
use serde_json::json;

use super::call::{Captions, GREETING, Stream, said_by_the_caller};
use super::stage::Stage;
use crate::providers::SpokenTo;
use crate::servers::{AGENT_NAME, wait_for};

const TURNS: [(&str, &str); 3] = [
    ("we are twelve people", "How many documents do you send in a month?"),
    ("about forty documents a month", "Where do you keep your customers and deals"),
    ("we use hub spot", "What kind of documents would you like to send"),
];

#[test]
fn both_sides_are_transcribed_and_states_are_shown() {
    converse(&mut Stage::new(&[]));
}

#[test]
fn the_same_goes_over_the_gateway_of_livekit_inference_and_leaves_no_socket_open() {
    converse_over("stt", SpokenTo::Gateway);
}

#[test]
fn the_same_goes_over_openais_realtime_transcription() {
    converse_over("realtime", SpokenTo::Realtime);
}

#[test]
fn the_same_goes_over_the_realtime_transcription_of_speaches() {
    converse_over("realtime", SpokenTo::Speaches);
}

/// What was said before the agent was there is waited for, and what is said now is kept meanwhile.
#[test]
fn a_recording_that_does_not_come_costs_no_word() {
    const SAID: &str = "we are twelve people";
    let mut stage = Stage::on_the_gateway(&[]);
    let mut call = stage.silent_call("late", json!({"agent": AGENT_NAME, "tone": false, "announced": true}));
    call.speaks(SAID);
    call.hears("How many documents do you send in a month?");
    let session = stage.hang_up("late");
    assert_eq!(said_by_the_caller(&session), [SAID]);
}

fn converse_over(sockets: &str, spoken_to: SpokenTo) {
    let mut stage = Stage::speaking(spoken_to, &[]);
    let simulator = stage.simulator();
    converse(&mut stage);
    let counted = wait_for("the end of the sockets", || {
        let counted = simulator.sockets();
        (counted[sockets]["open"] == 0).then_some(counted)
    });
    assert!(counted[sockets]["opened"].as_u64() >= Some(1), "{counted}");
    if let SpokenTo::Gateway = spoken_to {
        // Who only breaks it may hold a place of the few for a while.
        assert_eq!(counted[sockets]["taken"]["session.close"], counted[sockets]["opened"], "{counted}");
    }
}

fn converse(stage: &mut Stage) {
    let mut call = stage.call("spoken");
    for (said, question) in TURNS {
        call.waits();
        call.speaks(said);
        call.hears(question);
    }
    call.waits();
    let captions = call.captions_whole();
    caller_is_transcribed(&captions);
    agent_is_transcribed(&captions);
    let turns: Vec<_> = ["thinking", "speaking", "listening"].iter().cycle().take(3 * TURNS.len()).collect();
    let begin = captions.states.iter().position(|state| state == "thinking").expect("a reply");
    assert_eq!(captions.states[begin..].iter().collect::<Vec<_>>(), turns);
    // Who speaks is not answered in the chat.
    assert!(captions.streams.iter().all(Stream::is_transcription));

    let session = stage.hang_up("spoken");
    let signals =
        json!({"team_size": 12, "documents_per_month": 40, "crm": "hubspot", "qualification_tier": "warm"});
    assert_eq!(serde_json::Value::from(session.discovered_signals), signals);
    let transcript = session.transcript.expect("a transcript");
    assert_eq!((transcript[0].role, transcript[0].text.as_str()), (Role::Agent, GREETING));
    let said: Vec<_> = transcript.iter().filter(|entry| entry.role == Role::User).collect();
    assert_eq!(said.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(), TURNS.map(|(said, _)| said));
    assert!(said.iter().all(|entry| entry.start_time < entry.end_time));
    let usage = &session.metrics_summary;
    assert_eq!(usage.user_turns, 3);
    assert!(usage.stt_audio_duration > 3.0, "{}", usage.stt_audio_duration);
    assert_eq!(usage.model_usage.len(), 3, "{usage:?}");
    assert!(usage.model_usage.iter().all(|used| used.failures == 0 && used.requests > 0));
    let of = |kind| usage.model_usage.iter().find(|used| used.kind == kind).expect("each has an entry");
    assert!((of(UsageType::SttUsage).audio_duration - usage.stt_audio_duration).abs() < 1e-6);
    let spoken = of(UsageType::TtsUsage);
    assert!(spoken.characters_count > 0 && spoken.audio_duration > 1.0, "{spoken:?}");
    let thought = of(UsageType::LlmUsage);
    assert!(thought.input_tokens >= usage.llm_prompt_tokens && thought.requests >= 3, "{thought:?}");
    for latency in [&usage.latencies.transcription_delay, &usage.latencies.e2e_latency] {
        assert_eq!(latency.count, 3);
        assert!(latency.p50 > 0.0);
    }
}

/// A segment for each turn: the words as they are known, and then for good; in the caller's name, of the caller's track.
fn caller_is_transcribed(captions: &Captions) {
    let streams: Vec<_> = captions.streams.iter().filter(|stream| stream.from == "ann").collect();
    let packets: Vec<_> = captions.packets.iter().filter(|packet| packet.of == "ann").collect();
    let segments: BTreeSet<_> = streams.iter().map(|stream| stream.segment()).collect();
    assert_eq!(segments.len(), TURNS.len(), "{streams:?}");
    for (said, _) in TURNS {
        let last = streams.iter().find(|stream| stream.is_final() && stream.text == said);
        let segment = last.unwrap_or_else(|| panic!("«{said}» is not final: {streams:?}")).segment();
        let interim = |stream: &&&Stream| stream.segment() == segment && !stream.is_final();
        assert!(streams.iter().any(|stream| interim(&stream)), "{streams:?}");
        assert!(
            packets.iter().any(|packet| packet.segment == segment && packet.is_final && packet.text == said)
        );
        assert!(packets.iter().any(|packet| packet.segment == segment && !packet.is_final));
    }
    assert!(streams.iter().all(|stream| stream.whole && stream.track().starts_with("TR_")), "{streams:?}");
    assert!(packets.iter().all(|packet| packet.track == streams[0].track()), "{packets:?}");
}

/// A stream for each segment, which is closed as final; the last packet of it has all of the text.
fn agent_is_transcribed(captions: &Captions) {
    let streams: Vec<_> = captions.of_agent().collect();
    assert_eq!(streams.len(), 1 + TURNS.len());
    assert_eq!(streams[0].text, GREETING);
    for stream in &streams {
        let packets = captions.packets.iter().filter(|packet| packet.segment == stream.segment());
        let packets: Vec<_> = packets.collect();
        assert!(packets.iter().all(|packet| packet.of == stream.from && packet.track == stream.track()));
        let (last, interim) = packets.split_last().expect("packets");
        assert!(last.is_final && last.text == stream.text, "{packets:?}");
        assert!(!interim.is_empty() && interim.iter().all(|packet| !packet.is_final), "{packets:?}");
        assert!(stream.whole && stream.track().starts_with("TR_"), "{stream:?}");
    }
    assert!(streams.iter().all(|stream| stream.is_final()), "{streams:?}");
}
