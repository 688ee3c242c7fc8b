//! Participants of LiveKit's Python SDK, in a process that does what it is told.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStderr, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use test_servers::{KEY, Process, SECRET, tool};

/// Longest that one command may take; above the limits in the script.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);

/// A process with participants in it, made with LiveKit's Python SDK.
pub(crate) struct Callers {
    process: Process,
    stdin: ChildStdin,
    answers_rx: Receiver<Value>,
    /// What it wrote to its standard error, once that is closed.
    complaints: Option<JoinHandle<String>>,
    early: HashMap<u64, Value>,
    next_number: u64,
}

impl Callers {
    pub(crate) fn start(livekit_url: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/caller.py");
        let mut command = Command::new(tool("python/bin/python"));
        command
            .arg(script)
            .env("LIVEKIT_URL", livekit_url)
            .env("LIVEKIT_API_KEY", KEY)
            .env("LIVEKIT_API_SECRET", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Process::start(&mut command).expect("run «make tools»");
        let stdin = process.child().stdin.take().expect("a pipe");
        let stdout = BufReader::new(process.child().stdout.take().expect("a pipe"));
        let stderr = process.child().stderr.take().expect("a pipe");
        let complaints = Some(std::thread::spawn(move || read_whole(stderr)));
        let (answers_tx, answers_rx) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let Ok(answer) = serde_json::from_str(&line) else { continue };
                if answers_tx.send(answer).is_err() {
                    break;
                }
            }
        });
        let mut callers =
            Self { process, stdin, answers_rx, complaints, early: HashMap::new(), next_number: 0 };
        callers.next_answer();
        callers
    }

    /// Runs one command and returns its result.
    pub(crate) fn run(&mut self, name: &str, arguments: Value) -> Value {
        self.attempt(name, arguments).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs one command that may fail.
    pub(crate) fn attempt(&mut self, name: &str, arguments: Value) -> Result<Value, String> {
        let number = self.begin(name, arguments);
        self.finish(number)
    }

    /// Starts a command; several run at the same time.
    pub(crate) fn begin(&mut self, name: &str, mut arguments: Value) -> u64 {
        self.next_number += 1;
        arguments["number"] = json!(self.next_number);
        arguments["do"] = json!(name);
        if let Err(error) = writeln!(self.stdin, "{arguments}") {
            self.fail(&error);
        }
        self.next_number
    }

    /// Waits for a command that was begun.
    pub(crate) fn finish(&mut self, number: u64) -> Result<Value, String> {
        while !self.early.contains_key(&number) {
            let mut answer = self.next_answer();
            let of = answer["number"].as_u64().expect("a number");
            self.early.insert(of, answer.take());
        }
        let mut answer = self.early.remove(&number).expect("it is there");
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }

    fn next_answer(&mut self) -> Value {
        match self.answers_rx.recv_timeout(ANSWER_LIMIT) {
            Ok(answer) => answer,
            Err(error) => self.fail(&error),
        }
    }

    /// Says how the process ended, or that it had to be, and what it complained of.
    fn fail(&mut self, error: &dyn std::fmt::Display) -> ! {
        // Its output ends before it does.
        std::thread::sleep(Duration::from_secs(1));
        let ended = self.process.ended();
        self.process.kill();
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        panic!("the callers: {error}; ended: {ended:?}; their standard error:\n{complaints}");
    }

    /// Kills the process: its participants vanish without a word.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}

fn read_whole(mut stderr: ChildStderr) -> String {
    let mut read = Vec::new();
    drop(stderr.read_to_end(&mut read));
    String::from_utf8_lossy(&read).into_owned()
}
