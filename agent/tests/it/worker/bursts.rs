//! Many calls at a time, on one worker and on several, and workers that are replaced meanwhile. The callers have no media,
//! because very many that have would be a test of the machine.

use std::collections::{HashMap, HashSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use schemas::{EndReason, SessionEnded};
use serde_json::{Value, json};
use test_servers::LiveKitServer;

use crate::callers::Callers;
use crate::servers::{AGENT_NAME, Agent, start_livekit, wait_for};

/// Who has no media is given the time of the test, and nobody helps where LiveKit's dispatching has failed.
fn start(livekit: &LiveKitServer, arguments: &[&str]) -> Agent {
    let usual = ["--agent-sign-wait", "10m", "--agent-redispatch-after", "0s"];
    Agent::start(livekit, &[&usual[..], arguments].concat())
}

/// Runs a command for each room at the same time.
fn each(callers: &mut Callers, rooms: &[String], command: &str, arguments: &Value) -> Vec<Value> {
    let begin = |room: &String| {
        let mut arguments = arguments.clone();
        arguments["room"] = json!(room);
        callers.begin(command, arguments)
    };
    let numbers: Vec<_> = rooms.iter().map(begin).collect();
    numbers.into_iter().map(|number| callers.finish(number).expect(command)).collect()
}

fn named(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{name}-{index}")).collect()
}

#[test]
fn every_call_of_a_burst_gets_its_agent() {
    const CALLS: usize = 50;
    let livekit = start_livekit();
    let agent = start(&livekit, &[]);
    let mut callers = Callers::start(&livekit.url());
    let rooms = named("burst", CALLS);
    let started = Instant::now();
    each(&mut callers, &rooms, "knock", &json!({"agent": AGENT_NAME}));
    let joined = started.elapsed();
    let seen = each(&mut callers, &rooms, "see_agent", &json!({"limit": 50}));
    println!(
        "{CALLS} calls within {:.1} s, all with an agent after {:.1} s",
        joined.as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    assert!(seen.iter().all(|seen| seen["agents"].as_array().is_some_and(|agents| agents.len() == 1)));
    wait_for("the track of each", || (agent.metric("join_seconds_count") == CALLS as f64).then_some(()));
    // Whoever has no media for long is sent away by the server.
    for room in &rooms {
        drop(callers.attempt("go_away", json!({"room": room})));
    }
    agent.wait_idle();
    let sessions = agent.outbox();
    let exported: HashSet<_> = sessions.iter().map(|session| session.session_id.to_string()).collect();
    assert_eq!((sessions.len(), exported), (CALLS, rooms.into_iter().collect()));
}

#[test]
fn a_full_worker_says_so_and_the_next_takes_over() {
    const PLACES: usize = 3;
    let livekit = start_livekit();
    let workers = [(); 2].map(|()| start(&livekit, &["--agent-capacity", &PLACES.to_string()]));
    let mut callers = Callers::start(&livekit.url());
    let rooms = named("place", 2 * PLACES);
    each(&mut callers, &rooms, "knock", &json!({"agent": AGENT_NAME}));
    each(&mut callers, &rooms, "see_agent", &json!({"limit": 30}));
    assert_eq!([0, 1].map(|index| workers[index].worker()["active_jobs"].as_u64()), [Some(3); 2]);
    // LiveKit knows it, and offers nothing more to either.
    let offers = || [0, 1].map(|index| offers(&workers[index]));
    let before = offers();
    callers.run("knock", json!({"room": "too-many", "agent": AGENT_NAME}));
    assert!(callers.attempt("see_agent", json!({"room": "too-many", "limit": 3})).is_err());
    assert_eq!(offers(), before);
    // A place that is free again is offered again.
    callers.run("go_away", json!({"room": rooms[0]}));
    wait_for("a free place", || {
        workers.iter().any(|worker| worker.worker()["active_jobs"] == 2).then_some(())
    });
    callers.run("knock", json!({"room": "next", "agent": AGENT_NAME}));
    callers.run("see_agent", json!({"room": "next"}));
}

/// How many jobs the worker was offered.
fn offers(worker: &Agent) -> f64 {
    let metrics = worker.metrics();
    let counts = metrics.lines().filter(|line| line.starts_with("postcall_agent_offers_total{"));
    counts.map(|line| line.rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number")).sum()
}

/// Calls that begin at a steady pace, each as long as the others.
struct Load {
    callers: Callers,
    begun: Vec<(String, u64)>,
}

impl Load {
    const PAUSE: Duration = Duration::from_millis(400);
    const STAY: Duration = Duration::from_secs(3);

    fn go_on(&mut self) {
        let room = format!("load-{}", self.begun.len());
        let arguments = json!({"room": room, "agent": AGENT_NAME, "stay": Self::STAY.as_secs()});
        let number = self.callers.begin("visit", arguments);
        self.begun.push((room, number));
        sleep(Self::PAUSE);
    }

    fn until<T>(&mut self, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        wait_for(what, || {
            self.go_on();
            probe()
        })
    }
}

#[test]
fn a_rolling_restart_under_load_loses_no_call_and_cuts_none_short() {
    let livekit = start_livekit();
    let mut workers = vec![start(&livekit, &[]), start(&livekit, &[])];
    let mut load = Load { callers: Callers::start(&livekit.url()), begun: Vec::new() };
    (0..16).for_each(|_| load.go_on());
    for index in [0, 1] {
        let worker = &mut workers[index];
        worker.signal("TERM");
        let exit = load.until("the end of a worker", || worker.exit());
        assert!(exit.success(), "{exit}");
        workers.push(start(&livekit, &[]));
        (0..3).for_each(|_| load.go_on());
    }
    for (room, number) in &load.begun {
        let visit = load.callers.finish(*number).unwrap_or_else(|error| panic!("{room}: {error}"));
        assert_eq!(visit["agents"].as_array().map(Vec::len), Some(1), "{room}: {visit}");
    }
    for worker in &workers[2..] {
        worker.wait_idle();
    }
    let by_worker: Vec<Vec<SessionEnded>> = workers.iter().map(Agent::outbox).collect();
    let shares: Vec<_> = by_worker.iter().map(Vec::len).collect();
    println!("{} calls, by worker {shares:?}", load.begun.len());
    assert!(shares[..2].iter().all(|&share| share > 0), "{shares:?}");
    let mut exported: HashMap<String, u32> = HashMap::new();
    for session in by_worker.into_iter().flatten() {
        let room = session.session_id.to_string();
        assert_eq!(session.end_reason, Some(EndReason::ParticipantLeft), "{room}");
        let shortest = Load::STAY.as_secs_f64() - 1.0;
        assert!(session.duration_seconds > shortest, "{room}: {} s", session.duration_seconds);
        *exported.entry(room).or_default() += 1;
    }
    let expected: HashMap<_, _> = load.begun.into_iter().map(|(room, _)| (room, 1)).collect();
    assert_eq!(exported, expected);
}
