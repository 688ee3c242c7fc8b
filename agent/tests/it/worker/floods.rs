//! What one caller sends without measure: others are answered as before, the agent's memory is bounded, and its end is seen.
//! What was measured is printed; what is asserted has room for a slow machine.

use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use schemas::EndReason;
use serde_json::{Value, json};
use test_servers::webm;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_livekit, wait_for};

/// What an attack may add to the memory of the agent, bytes.
const MEMORY: u64 = 100 << 20;
/// How much later a bystander may be answered at p95 than without an attack, seconds. The aim is 0.25 s, and 0.02 to 0.04 s
/// were measured beside a load of 5; the rest is room for a machine that stands still for a while.
const LATER: f64 = 2.0;
const QUESTIONS: usize = 12;

struct Bystander {
    callers: Callers,
    normal: f64,
    memory: u64,
}

impl Bystander {
    /// A caller in a process of its own, and how fast it is answered.
    fn call(livekit_url: &str, agent: &Agent) -> Self {
        let mut callers = Callers::start(livekit_url);
        join(&mut callers, "bystander", json!({}));
        sleep(Duration::from_secs(3));
        let mut bystander = Self { callers, normal: 0.0, memory: 0 };
        bystander.normal = bystander.p95();
        bystander.memory = agent.memory().0;
        bystander
    }

    /// Of the seconds from a question to the beginning of its answer.
    fn p95(&mut self) -> f64 {
        let mut seconds: Vec<f64> = (0..QUESTIONS).map(|_| self.ask()).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[QUESTIONS - 1 - QUESTIONS / 20]
    }

    fn ask(&mut self) -> f64 {
        let asked = self.callers.run("ask", json!({"room": "bystander", "text": "are you there"}));
        // A typed turn a second, at most.
        sleep(Duration::from_millis(1_100));
        asked["seconds"].as_f64().expect("seconds")
    }

    /// During an attack, and with it going on; then its own call ends as it should.
    #[expect(clippy::print_stdout, reason = "the figures")]
    fn assert_served(mut self, agent: &Agent, attack: &str) {
        let during = self.p95();
        assert_eq!(agent.status("/readyz"), Some(200));
        join(&mut self.callers, "newcomer", json!({}));
        let (_, peak) = agent.memory();
        let grown = peak.saturating_sub(self.memory);
        println!(
            "{attack}: answers p95 {:.0} ms, before {:.0} ms; memory {} MB at most, {} MB more",
            during * 1e3,
            self.normal * 1e3,
            peak >> 20,
            grown >> 20
        );
        assert!(during < self.normal + LATER, "{during} s, before {} s", self.normal);
        assert!(grown < MEMORY, "{} MB", grown >> 20);
        self.callers.run("leave", json!({"room": "bystander"}));
        assert_eq!(agent.exported("bystander").end_reason, Some(EndReason::ParticipantLeft));
    }
}

fn join(callers: &mut Callers, room: &str, mut arguments: Value) {
    arguments["room"] = json!(room);
    arguments["agent"] = json!(AGENT_NAME);
    arguments["tone"] = json!(false);
    callers.run("join", arguments);
    callers.run("see_agent", json!({"room": room, "limit": 25}));
}

#[test]
fn recordings_that_grow_hold_nobody_up() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let bystander = Bystander::call(&livekit.url(), &agent);
    let mut attackers = Callers::start(&livekit.url());
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), webm::laced(250_000, webm::SILENCE)).expect("write the recording");
    for (room, announced) in [("bomb-1", true), ("bomb-2", true), ("bomb-3", false)] {
        join(&mut attackers, room, json!({"announced": announced}));
        for _ in 0..3 {
            attackers.run("pre_connect_audio", json!({"room": room, "file": file.path()}));
        }
    }
    bystander.assert_served(&agent, "recordings that grow");
    assert!(agent.metric("cut_total{what=\"pre_connect_audio\"}") >= 6.0);
    for room in ["bomb-1", "bomb-2", "bomb-3"] {
        attackers.run("leave", json!({"room": room}));
        assert_eq!(agent.exported(room).end_reason, Some(EndReason::ParticipantLeft));
    }
}

#[test]
fn recordings_that_lead_in_circles_hold_up_neither_the_next_one_nor_the_end() {
    let livekit = start_livekit();
    let mut agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), webm::in_circles()).expect("write the recording");
    for room in ["circles-1", "circles-2", "circles-3"] {
        join(&mut callers, room, json!({"announced": true}));
        callers.run("pre_connect_audio", json!({"room": room, "file": file.path()}));
    }
    wait_for("three refused", || {
        (agent.metric("cut_total{what=\"pre_connect_audio\"}") == 3.0).then_some(())
    });
    let good = concat!(env!("CARGO_MANIFEST_DIR"), "/src/conversation/recordings/twelve_people.webm");
    join(&mut callers, "heard", json!({"announced": true}));
    callers.run("pre_connect_audio", json!({"room": "heard", "file": good}));
    sleep(Duration::from_secs(1));
    callers.run("leave", json!({"room": "heard"}));
    agent.exported("heard");
    assert_eq!(agent.metric("cut_total{what=\"pre_connect_audio\"}"), 3.0);
    for room in ["circles-1", "circles-2", "circles-3"] {
        callers.run("leave", json!({"room": room}));
    }
    agent.wait_idle();
    assert!(!agent.log().contains("deadline"), "{}", agent.log());
    let started = Instant::now();
    agent.signal("TERM");
    assert!(agent.wait_exit().success());
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn the_words_of_a_stream_that_is_broken_off_are_not_logged() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    join(&mut callers, "words", json!({}));
    let forged = "x\n2026-11-29T01:00:00.000000Z ERROR agent: forged, secret.person@victim.example";
    callers.run("break_off", json!({"room": "words", "reason": forged}));
    wait_for("it is told", || agent.log().contains("its sender broke it off").then_some(()));
    callers.run("break_off", json!({"room": "words", "reason": "y".repeat(10_000)}));
    wait_for("it is cut", || (agent.metric("cut_total{what=\"streams\"}") >= 1.0).then_some(()));
    callers.run("ask", json!({"room": "words", "text": "are you there"}));
    let log = agent.log();
    assert!(!log.contains("forged") && !log.contains("victim") && !log.contains("yyyy"), "{log}");
    assert!(log.lines().all(|line| line.len() <= 4096));
}

#[test]
fn texts_that_inflate_hold_nobody_up() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let bystander = Bystander::call(&livekit.url(), &agent);
    let mut attackers = Callers::start(&livekit.url());
    let topics = ["lk.chat", "lk.rpc_request", "lk.rpc_response", "lk.agent.pre-connect-audio-buffer", "any"];
    let mut attacks = Vec::new();
    for (index, topic) in topics.iter().enumerate() {
        let room = format!("inflated-{index}");
        join(&mut attackers, &room, json!({}));
        for megabytes in [5, 64, 5] {
            let attack = json!({"room": room, "topic": topic, "megabytes": megabytes});
            attacks.push(attackers.begin("inflate", attack));
        }
    }
    bystander.assert_served(&agent, "texts that inflate");
    for attack in attacks {
        attackers.finish(attack).expect("they were sent");
    }
    assert!(agent.metric("cut_total{what=\"streams\"}") > 0.0);
}

#[test]
fn a_flood_of_messages_holds_nobody_up_and_does_not_hide_the_end() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let bystander = Bystander::call(&livekit.url(), &agent);
    let mut attackers = Callers::start(&livekit.url());
    join(&mut attackers, "flood", json!({}));
    let flood = attackers.begin("flood", json!({"room": "flood", "count": 5_000}));
    bystander.assert_served(&agent, "a flood of messages");
    attackers.finish(flood).expect("it was sent");
    let left = attackers.run("leave", json!({"room": "flood"}))["at"].as_f64().expect("a time");
    let left_at = DateTime::UNIX_EPOCH + TimeDelta::microseconds((left * 1e6) as i64);
    let session = agent.exported("flood");
    println!("the end was seen {} ms after it", (Utc::now() - left_at).num_milliseconds());
    assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft));
    let late = (session.end_time - left_at).num_milliseconds();
    assert!(late.abs() < 5_000, "{late} ms");
    // A turn a second, whatever was typed.
    let turns = session.metrics_summary.user_turns as f64;
    assert!(
        (1.0..=session.duration_seconds + 2.0).contains(&turns),
        "{turns} in {}",
        session.duration_seconds
    );
    assert!(agent.metric("cut_total{what=\"typed_messages\"}") > 3_000.0);
    let bytes = serde_json::to_vec(&session).expect("a payload").len();
    assert!(bytes < 300_000, "{bytes}");
}

#[test]
fn one_microphone_is_heard() {
    let livekit = start_livekit();
    let agent = Agent::start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    join(&mut callers, "tracks", json!({"tracks": 12}));
    let started = Instant::now();
    sleep(Duration::from_secs(5));
    callers.run("leave", json!({"room": "tracks"}));
    let session = agent.exported("tracks");
    let received = session.metrics_summary.audio_received_seconds;
    println!("received {received} s of {:?} and {} s", started.elapsed(), session.duration_seconds);
    assert!(
        (1.0..session.duration_seconds + 1.5).contains(&received),
        "{received} of {}",
        session.duration_seconds
    );
    assert!(agent.metric("cut_total{what=\"tracks\"}") >= 11.0);
}
