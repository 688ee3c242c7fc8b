//! Whose turn it is, through the room: pauses in a sentence, listeners, interruptions, in English and in German.

use std::time::Duration;

use schemas::{Role, SessionEnded, TranscriptEntry};
use serde_json::{Value, json};
use test_servers::turn_detector_model;

use super::call::{LONG, flite, said_by_the_caller, wav_file};
use super::sound::Sound;
use super::stage::{PERSONA, Stage};
use crate::providers::SpokenTo;
use crate::servers::wait_for;

/// The persona in another language, but for what it asks.
fn german() -> String {
    unhurried().replace("language = \"en\"", "language = \"de\"").replace(
        "Hello, this is the AI assistant of PandaDoc. How can I help you today?",
        "Guten Tag, hier ist der KI-Assistent.",
    )
}

/// An agent that hears how something was said.
fn attentive(persona: &str, stt_model: &str) -> Stage {
    let model = turn_detector_model();
    let model = model.to_str().expect("a path");
    let environment = [("TURN_DETECTOR_MODEL", model), ("STT_MODEL", stt_model)];
    Stage::speaking_as(SpokenTo::Gateway, persona, &environment)
}

/// Seconds of silence after which [`unhurried`] is sure that a turn is over which nothing else has ended.
const LATER: f64 = 15.0;

/// The persona, which waits long where the turn may go on.
fn unhurried() -> String {
    format!("{PERSONA}\n[turn_taking]\nmax_endpointing_delay = {LATER}\n")
}

/// How long was waited for the end of each of so many turns, p50 in seconds.
fn waited_for(session: &SessionEnded, turns: u64) -> f64 {
    let waited = &session.metrics_summary.latencies.end_of_utterance_delay;
    assert_eq!(waited.count, turns, "{waited:?}");
    waited.p50
}

fn heard_as(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| json!({"endpoint": "stt", "kind": "say", "text": text})).collect()
}

fn replies(text: &str, times: u32) -> Value {
    json!({"endpoint": "chat", "kind": "say", "text": text, "times": times})
}

/// What the agent has said, but for its greeting.
fn said_by_the_agent(session: &SessionEnded) -> Vec<&TranscriptEntry> {
    session.transcript.iter().flatten().filter(|entry| entry.role == Role::Agent).skip(1).collect()
}

#[test]
fn a_pause_in_the_middle_of_a_sentence_does_not_end_the_turn() {
    for (room, persona, parts) in [
        ("english", unhurried(), ["we are about", "twelve people"]),
        ("german", german(), ["wir sind etwa", "zwölf Leute"]),
    ] {
        let mut stage = attentive(&persona, "deepgram/nova-3");
        let simulator = stage.simulator();
        let mut call = stage.call(room);
        call.waits();
        simulator.forget();
        let faults = [heard_as(&parts), vec![replies("That is good to know.", 10)]].concat();
        simulator.inject(&json!(faults));
        call.speaks_with_pauses(&["we are about", "twelve people"], 1.2);
        call.hears("That is good to know.");
        // Nothing was asked in the pause.
        let whole = parts.join(" ");
        let asked: Vec<_> = simulator.prompts();
        let asked =
            asked.iter().map(|prompt| prompt.as_array().and_then(|all| all.last()).expect("a message"));
        assert!(asked.clone().all(|last| last["content"] == whole), "{:?}", asked.collect::<Vec<_>>());
        let session = stage.hang_up(room);
        assert_eq!(said_by_the_caller(&session), [whole.as_str()]);
        assert_eq!(session.metrics_summary.user_turns, 1);
    }
}

#[test]
fn a_sentence_that_is_finished_is_answered_sooner_than_one_that_is_not() {
    let waited = |room: &str, heard: &str| {
        let mut stage = attentive(&unhurried(), "deepgram/nova-3");
        let simulator = stage.simulator();
        let mut call = stage.call(room);
        call.waits();
        let faults = [heard_as(&[heard]), vec![replies("A colleague will tell you.", 10)]].concat();
        simulator.inject(&json!(faults));
        call.speaks("we use hub spot");
        call.hears("A colleague will tell you.");
        waited_for(&stage.hang_up(room), 1)
    };
    assert!(waited("finished", "What does it cost?") < LATER / 2.0);
    assert!(waited("unfinished", "We use HubSpot and") >= LATER);
}

#[test]
fn a_listener_does_not_end_the_answer_and_stands_in_the_transcript() {
    for (room, persona, said) in
        [("english", PERSONA.to_owned(), "uh-huh"), ("german", german(), "mhm, genau")]
    {
        let mut stage = attentive(&persona, "deepgram/nova-3");
        let simulator = stage.simulator();
        let mut call = stage.call(room);
        call.waits();
        let faults = [heard_as(&[said]), vec![replies(LONG, 1)]].concat();
        simulator.inject(&json!(faults));
        call.types("tell me about it");
        call.hears("PandaDoc has templates");
        call.speaks("uh huh");
        wait_for("the whole answer", || (!call.chat().is_empty()).then_some(()));
        call.waits();
        assert_eq!(call.chat(), [LONG]);
        let session = stage.hang_up(room);
        let [answer] = said_by_the_agent(&session)[..] else { panic!("{:?}", session.transcript) };
        assert!(!answer.interrupted && answer.text == LONG, "{answer:?}");
        assert_eq!(said_by_the_caller(&session), ["tell me about it", said]);
        // It was no turn.
        assert_eq!(session.metrics_summary.user_turns, 1);
    }
}

#[test]
fn who_wants_the_agent_to_stop_is_listened_to() {
    for (room, persona, said) in
        [("english", PERSONA.to_owned(), "wait, stop"), ("german", german(), "Moment, warten Sie")]
    {
        let mut stage = attentive(&persona, "deepgram/nova-3");
        let simulator = stage.simulator();
        let mut call = stage.call(room);
        call.waits();
        let faults = [heard_as(&[said]), vec![replies(LONG, 1), replies("I am listening.", 10)]].concat();
        simulator.inject(&json!(faults));
        call.types("tell me about it");
        call.hears("PandaDoc has templates");
        call.speaks("wait stop");
        call.hears("I am listening.");
        call.waits();
        let session = stage.hang_up(room);
        let [cut, _] = said_by_the_agent(&session)[..] else { panic!("{:?}", session.transcript) };
        assert!(cut.interrupted && LONG.starts_with(&cut.text), "{cut:?}");
        assert_eq!(said_by_the_caller(&session), ["tell me about it", said]);
        let transcript = session.transcript.as_deref().unwrap_or_default();
        let spoke = transcript.iter().find(|entry| entry.text == said).expect("it stands there").start_time;
        // It is half a second where nobody else wants the machine; the answer had more than ten to go.
        let talked_over = (cut.end_time - spoke).to_std().unwrap_or_default();
        assert!(talked_over < Duration::from_secs(6), "{talked_over:?}");
    }
}

#[test]
fn a_recogniser_that_hears_the_ends_of_turns_is_believed() {
    let mut stage = attentive(&unhurried(), "deepgram/flux-general");
    let mut call = stage.call("flux");
    for (said, question) in [
        ("we are twelve people", "How many documents do you send in a month?"),
        ("about forty documents a month", "Where do you keep"),
    ] {
        call.waits();
        call.speaks(said);
        call.hears(question);
    }
    let session = stage.hang_up("flux");
    assert_eq!(said_by_the_caller(&session), ["we are twelve people", "about forty documents a month"]);
    assert_eq!(session.metrics_summary.user_turns, 2);
    assert!(waited_for(&session, 2) < LATER / 2.0);
}

#[test]
fn talk_around_a_caller_who_has_said_nothing_yet_is_no_turn() {
    let mut stage = Stage::new(&[]);
    let simulator = stage.simulator();
    simulator.inject(&json!(
        [heard_as(&["we are twelve people"]), vec![replies("That is good to know.", 1)]].concat()
    ));
    let (murmur, said) = (wav_file(), flite("we are twelve people"));
    Sound::babble(17.0, &Sound::read(said.path())).write(murmur.path());
    let mut call = stage.call("babble");
    call.murmurs(murmur.path());
    call.waits();
    // Whoever takes them for the caller has asked what they said by then.
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(call.agent_said().len(), 1, "{:?}", call.agent_said());
    call.speaks("we are twelve people");
    call.hears("That is good to know.");
    let session = stage.hang_up("babble");
    assert_eq!(said_by_the_caller(&session), ["we are twelve people"]);
    let greeting = session.transcript.iter().flatten().next().expect("a greeting");
    assert!(!greeting.interrupted, "{greeting:?}");
}
