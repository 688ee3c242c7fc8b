//! Rooms whose participant has no agent: they get one, and never two.

use std::thread::sleep;
use std::time::{Duration, Instant};

use schemas::EndReason;
use serde_json::{Value, json};
use test_servers::LiveKitServer;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_livekit, wait_for};

/// How long a participant waits in these tests.
const AFTER: Duration = Duration::from_secs(2);

fn start(livekit: &LiveKitServer, arguments: &[&str]) -> Agent {
    Agent::start(livekit, &[&["--agent-redispatch-after", "2s"], arguments].concat())
}

/// A participant that only listens.
fn join(callers: &mut Callers, room: &str, agent: Option<&str>) {
    let metadata = format!(r#"{{"user_email":"{room}@company.com"}}"#);
    callers.run("join", json!({"room": room, "agent": agent, "metadata": metadata, "tracks": 0}));
}

/// The same, of whom an agent is there.
fn join_and_see(callers: &mut Callers, room: &str) {
    join(callers, room, Some(AGENT_NAME));
    callers.run("see_agent", json!({"room": room}));
}

/// Identities of the agents in a room, by the server's list.
fn agents(callers: &mut Callers, room: &str) -> Vec<String> {
    let listed = callers.run("listed", json!({"room": room}));
    let agents = listed["agents"].as_array().expect("a list").iter();
    agents.map(|agent| agent.as_str().expect("an identity").to_owned()).collect()
}

#[test]
fn who_came_while_no_worker_was_there_gets_one_agent() {
    const ROOMS: usize = 10;
    let livekit = start_livekit();
    let mut callers = Callers::start(&livekit.url());
    let rooms: Vec<_> = (0..ROOMS).map(|index| format!("waits-{index}")).collect();
    for room in &rooms {
        join(&mut callers, room, Some(AGENT_NAME));
    }
    join(&mut callers, "of-another", Some("another"));
    // An empty list of agents is one of any name, which no worker of a name is offered.
    join(&mut callers, "nobody-asked", None);
    join(&mut callers, "gone", Some(AGENT_NAME));
    callers.run("leave", json!({"room": "gone"}));

    let off = Agent::start(&livekit, &["--agent-redispatch-after", "0s"]);
    sleep(AFTER * 2);
    assert!(rooms.iter().all(|room| agents(&mut callers, room).is_empty()), "it is off");
    drop(off);

    let workers = [start(&livekit, &[]), start(&livekit, &[])];
    let started = Instant::now();
    wait_for("an agent for each", || {
        rooms.iter().all(|room| !agents(&mut callers, room).is_empty()).then_some(())
    });
    println!(
        "{ROOMS} rooms have their agent {:.1} s after two workers were there",
        started.elapsed().as_secs_f64()
    );
    sleep(AFTER * 3);
    for room in &rooms {
        assert_eq!(agents(&mut callers, room).len(), 1, "{room}");
    }
    for room in ["of-another", "nobody-asked", "gone"] {
        assert!(agents(&mut callers, room).is_empty(), "{room}");
    }
    let sum = |value: fn(&Agent) -> f64| workers.iter().map(value).sum::<f64>();
    assert_eq!(sum(|worker| worker.metric("rooms_redispatched_total")), ROOMS as f64);
    // It is what the last round saw, and rounds are far apart where LiveKit is slow.
    wait_for("nobody who waits", || {
        (sum(|worker| worker.metric("rooms_without_agent")) == 0.0).then_some(())
    });
    assert_eq!(sum(|worker| worker.worker()["active_jobs"].as_f64().expect("a number")), ROOMS as f64);

    let leaving: Vec<_> = rooms.iter().map(|room| callers.begin("leave", json!({"room": room}))).collect();
    for number in leaving {
        callers.finish(number).expect("it leaves");
    }
    workers.iter().for_each(Agent::wait_idle);
    let mut exported: Vec<_> = workers.iter().flat_map(Agent::outbox).collect();
    exported.sort_by_key(|session| session.session_id.to_string());
    assert_eq!(exported.iter().map(|session| session.session_id.as_str()).collect::<Vec<_>>(), rooms);
    for session in exported {
        assert_eq!(
            session.user_email,
            format!("{}@company.com", session.session_id.as_str()),
            "the job's metadata"
        );
        assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft));
    }
}

#[test]
fn the_caller_of_a_killed_worker_gets_another_agent() {
    let livekit = start_livekit();
    let mut first = start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    join_and_see(&mut callers, "deserted");
    let dead = agents(&mut callers, "deserted");
    let second = start(&livekit, &[]);
    first.signal("KILL");
    first.wait_exit();
    let killed = Instant::now();
    wait_for("LiveKit's notice", || agents(&mut callers, "deserted").is_empty().then_some(()));
    let noticed = killed.elapsed();
    wait_for("another agent", || (agents(&mut callers, "deserted").len() == 1).then_some(()));
    let came = killed.elapsed() - noticed;
    println!(
        "LiveKit missed the agent after {:.1} s, the next came {:.1} s later",
        noticed.as_secs_f64(),
        came.as_secs_f64()
    );
    // The time that it waits, the pauses between two looks, and as much again for a busy machine.
    assert!(came < AFTER * 5, "{came:?}");
    sleep(AFTER * 2);
    let now = agents(&mut callers, "deserted");
    assert!(now.len() == 1 && now != dead, "{now:?} after {dead:?}");
    callers.run("leave", json!({"room": "deserted"}));
    assert_eq!(second.exported("deserted").end_reason, Some(EndReason::ParticipantLeft));
}

#[test]
fn who_found_no_place_free_gets_the_next() {
    let livekit = start_livekit();
    let agent = start(&livekit, &["--agent-capacity", "1"]);
    let mut callers = Callers::start(&livekit.url());
    join_and_see(&mut callers, "first");
    join(&mut callers, "second", Some(AGENT_NAME));
    wait_for("the wait", || (agent.metric("rooms_without_agent") == 1.0).then_some(()));
    sleep(AFTER * 2);
    // Nothing is asked of a worker that is full.
    assert_eq!(agent.metric("rooms_redispatched_total"), 0.0);
    callers.run("leave", json!({"room": "first"}));
    callers.run("see_agent", json!({"room": "second"}));
    assert_eq!(agent.metric("rooms_redispatched_total"), 1.0);
}

#[test]
fn an_agent_that_is_taken_out_of_a_room_is_not_replaced() {
    let livekit = start_livekit();
    let agent = start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    join_and_see(&mut callers, "by-hand");
    let identity = agents(&mut callers, "by-hand").remove(0);
    callers.run("remove", json!({"room": "by-hand", "identity": identity}));
    assert_eq!(agent.exported("by-hand").end_reason, Some(EndReason::JobTerminated));
    sleep(AFTER * 3);
    assert_eq!(agents(&mut callers, "by-hand"), Vec::<String>::new());
    assert_eq!(agent.metric("rooms_redispatched_total"), 0.0);
}

#[test]
fn of_two_agents_the_later_leaves() {
    let livekit = start_livekit();
    let mut first = start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    join_and_see(&mut callers, "once");
    let there = agents(&mut callers, "once");
    // The next job is another worker's.
    first.signal("TERM");
    wait_for("draining", || (first.status("/readyz") == Some(503)).then_some(()));
    let second = start(&livekit, &[]);
    callers.run("dispatch", json!({"room": "once", "agent": AGENT_NAME}));
    assert_eq!(second.exported("once").end_reason, Some(EndReason::JobTerminated));
    second.wait_idle();
    assert_eq!(agents(&mut callers, "once"), there);
    let told: Value = callers.run("agents", json!({"room": "once"}))["agents"][0]["attributes"].clone();
    assert!(told.get("postcall.end_reason").is_none(), "{told}");
    callers.run("leave", json!({"room": "once"}));
    assert_eq!(first.exported("once").end_reason, Some(EndReason::ParticipantLeft));
    assert!(first.wait_exit().success());
}
