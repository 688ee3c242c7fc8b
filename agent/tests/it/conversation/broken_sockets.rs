//! Sockets to the gateway that break in the middle of a turn. The turn's sound is kept for the next one: each word is heard, once.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::call::said_by_the_caller;
use super::stage::Stage;
use crate::providers::SpokenTo;
use crate::servers::wait_for;

const SAID: [&str; 10] = [
    "we are twelve people",
    "about forty documents a month",
    "we use hub spot",
    "we want to send proposals",
    "we want to start this month",
    "we are five people",
    "two hundred documents a month",
    "we use sales force",
    "we want to sign contracts",
    "we want to start this quarter",
];

/// What strikes the utterance of each turn, and what strikes the connection that is to take the broken one's place.
fn breaks() -> [Value; 10] {
    let strikes = |mut fault: Value| {
        fault["endpoint"] = json!("stt");
        fault["utterance"] = json!(true);
        fault
    };
    let connecting = |mut fault: Value| {
        fault["endpoint"] = json!("stt");
        fault
    };
    [
        // As speech begins, in its middle, and between its end and its words.
        json!([strikes(json!({"kind": "cut"}))]),
        json!([strikes(json!({"kind": "cut", "after": 1}))]),
        json!([strikes(json!({"kind": "cut", "on": "session.finalize"}))]),
        // The next connection is not to be had at once, or breaks as soon as it is there.
        json!([
            strikes(json!({"kind": "cut", "on": "session.finalize"})),
            connecting(json!({"kind": "status", "status": 503})),
        ]),
        json!([strikes(json!({"kind": "cut", "after_ms": 500})), connecting(json!({"kind": "cut"}))]),
        json!([
            strikes(json!({"kind": "cut", "after": 1})),
            connecting(json!({"kind": "slow", "delay_ms": 1_500}))
        ]),
        // The gateway says good-bye though nobody asked it to, or that something is wrong.
        json!([strikes(json!({"kind": "close", "after": 1}))]),
        json!([strikes(json!({"kind": "close", "on": "session.finalize"}))]),
        json!([strikes(json!({"kind": "error", "after": 1}))]),
        // A token that expires.
        json!([strikes(json!({"kind": "error", "status": 401, "on": "session.finalize"}))]),
    ]
}

#[test]
fn each_of_ten_turns_is_heard_once_though_its_socket_breaks() {
    let mut stage = Stage::on_the_gateway(&[("PROVIDER_TIME_LIMIT", "10s")]);
    let simulator = stage.simulator();
    // So that nothing is final before it is asked for.
    simulator.set(&json!({"final_delay_ms": 700}));
    let mut call = stage.call("broken");
    for (number, (said, breaks)) in SAID.into_iter().zip(breaks()).enumerate() {
        call.waits();
        let reply = format!("Noted, number {number}.");
        let mut faults = breaks.as_array().cloned().expect("a list");
        faults.push(json!({"endpoint": "chat", "kind": "say", "text": reply, "times": 10}));
        simulator.inject(&json!(faults));
        call.speaks(said);
        call.hears(&reply);
        simulator.has_struck("stt");
        assert_eq!(call.apologies(), 0, "turn {number}");
    }
    let opened = simulator.sockets()["stt"]["opened"].as_u64();
    assert!(opened > Some(SAID.len() as u64), "{opened:?}");
    let session = stage.hang_up("broken");
    assert_eq!(said_by_the_caller(&session), SAID);
    assert_eq!((session.metrics_summary.user_turns, session.metrics_summary.provider_errors), (10, 0));
}

#[test]
fn a_socket_that_falls_silent_is_waited_for_and_says_nothing_twice() {
    let mut stage = Stage::on_the_gateway(&[("PROVIDER_TIME_LIMIT", "10s")]);
    let simulator = stage.simulator();
    let mut call = stage.call("silent");
    // Beyond what is waited for, the words that may change are taken as they are, and the others are added when they come.
    for (number, (said, delay_ms)) in SAID.into_iter().zip([1_000, 5_000, 0]).enumerate() {
        call.waits();
        let reply = format!("Noted, number {number}.");
        let silent = json!({
            "endpoint": "stt", "kind": "silent", "utterance": true, "on": "session.finalize", "delay_ms": delay_ms,
        });
        simulator.inject(&json!([
            silent, {"endpoint": "chat", "kind": "say", "text": reply, "times": 10},
        ]));
        call.speaks(said);
        call.hears(&reply);
        let last = said.split(' ').next_back().expect("a word");
        wait_for(&format!("«{last}»"), || {
            let packets = call.captions().packets;
            let mut heard = packets.iter().filter(|packet| !packet.of.starts_with("agent-"));
            heard.any(|packet| packet.text.ends_with(last)).then_some(())
        });
    }
    let session = stage.hang_up("silent");
    let said = said_by_the_caller(&session);
    assert_eq!(said.join(" "), SAID[..3].join(" "), "{said:?}");
    assert_eq!(session.metrics_summary.provider_errors, 0);
}

#[test]
fn a_recogniser_that_is_slow_to_make_words_final_loses_none_and_repeats_none() {
    let mut stage = Stage::speaking(SpokenTo::Speaches, &[]);
    let simulator = stage.simulator();
    simulator.set(&json!({"final_delay_ms": 5_000}));
    let mut call = stage.call("slow");
    for (number, said) in SAID.into_iter().take(2).enumerate() {
        call.waits();
        let reply = format!("Noted, number {number}.");
        simulator.inject(&json!([{"endpoint": "chat", "kind": "say", "text": reply, "times": 10}]));
        call.speaks(said);
        call.hears(&reply);
        // Whatever is final of it has come by now.
        sleep(Duration::from_secs(4));
    }
    assert_eq!(call.apologies(), 0);
    let session = stage.hang_up("slow");
    let said = said_by_the_caller(&session);
    assert_eq!(said.join(" "), SAID[..2].join(" "), "{said:?}");
}
