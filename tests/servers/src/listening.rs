//! A program that says in its log where it listens.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::process::Process;

/// A program that listens on ports of its own choosing and logs each as `address=…` on standard error. It ends with its
/// owner.
pub struct Listening {
    pub process: Process,
    /// Host and port of each, in the order of its log.
    pub addresses: Vec<String>,
}

impl Listening {
    /// Starts it and waits until it listens on one.
    ///
    /// # Panics
    /// It cannot be started, or ends before it listens.
    pub fn start(command: &mut Command) -> Self {
        Self::start_with(command, 1)
    }

    /// As [`Self::start`], of a program that listens on `count` addresses.
    pub fn start_with(command: &mut Command, count: usize) -> Self {
        let command = command.env("RUST_LOG", "info").stderr(Stdio::piped());
        let mut process = Process::start(command).expect("start the program");
        let log = BufReader::new(process.child().stderr.take().expect("its standard error is piped"));
        let mut lines = log.lines().map_while(Result::ok);
        let (mut seen, mut addresses) = (Vec::new(), Vec::new());
        while addresses.len() < count {
            let line = lines.next().unwrap_or_else(|| panic!("it does not listen: {seen:?}"));
            addresses.extend(line.split_once("address=").map(|(_, address)| address.trim().to_owned()));
            seen.push(line);
        }
        // What it logs later would fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, addresses }
    }

    /// Host and port of the first.
    pub fn address(&self) -> &str {
        &self.addresses[0]
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }
}
