//! A simulator that is killed leaves nobody behind.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use super::caller::{Voice, say, wav};
use super::simulator::Simulator;

/// Long enough for what has to happen on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_recogniser_does_not_outlive_a_simulator_that_is_killed() {
    let simulator = Simulator::with_persona();
    // Ten minutes of speech keep it busy for longer than is waited below.
    let speech = say("we are twelve people and we use hub spot", Voice::Flite, 16_000).repeat(180);
    let asking = simulator.post("/v1/audio/transcriptions").multipart(form(&speech)).send();
    let asking = tokio::spawn(asking);
    let started = Instant::now();
    let busy = loop {
        let family = descendants(simulator.id());
        // Each recogniser has a copy of its own for each answer.
        if family.values().any(|parent| family.contains_key(parent)) {
            break family;
        }
        assert!(started.elapsed() < LIMIT, "nobody recognises");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(Command::new("kill").args(["-KILL", &simulator.id().to_string()]).status().unwrap().success());
    drop(asking.await);
    let killed = Instant::now();
    while let Some(pid) = busy.keys().find(|pid| is_alive(**pid)) {
        assert!(killed.elapsed() < LIMIT, "process {pid} lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn form(samples: &[i16]) -> reqwest::multipart::Form {
    let part = reqwest::multipart::Part::bytes(wav(samples, 16_000)).file_name("speech.wav");
    reqwest::multipart::Form::new().part("file", part).text("model", "any")
}

/// Processes below one, with their parents.
fn descendants(of: u32) -> BTreeMap<u32, u32> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().map_while(Result::ok) {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if let Some((pid, parent)) = pid.and_then(|pid| Some((pid, parent(pid)?))) {
            parents.insert(pid, parent);
        }
    }
    let is_below = |mut pid: u32| loop {
        match parents.get(&pid) {
            Some(parent) if *parent == of => return true,
            Some(parent) => pid = *parent,
            None => return false,
        }
    };
    parents.iter().filter(|(pid, _)| is_below(**pid)).map(|(pid, parent)| (*pid, *parent)).collect()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields[0] != "Z")
}

/// The fields behind the name, which may have spaces in it: state, parent, and more.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}
