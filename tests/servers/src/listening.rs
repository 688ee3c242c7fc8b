use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A program that listens on a port of its own choosing and logs it as `address=…` on standard error. It ends with its
/// owner.
pub struct Listening {
    process: Child,
    /// Host and port.
    pub address: String,
}

impl Listening {
    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// It cannot be started, or ends before it listens.
    pub fn start(command: &mut Command) -> Self {
        let mut process =
            command.env("RUST_LOG", "info").stderr(Stdio::piped()).spawn().expect("start the program");
        let log = BufReader::new(process.stderr.take().expect("its standard error is piped"));
        let mut lines = log.lines().map_while(Result::ok);
        let mut seen = Vec::new();
        let address = lines.find_map(|line| {
            seen.push(line.clone());
            Some(line.split_once("address=")?.1.trim().to_owned())
        });
        // What it logs later would fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address: address.unwrap_or_else(|| panic!("it does not listen: {seen:?}")) }
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
