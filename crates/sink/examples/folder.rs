//! The smallest sink: each session is a file in a folder.
//!
//! A sink in production is a crate like this file: a type that is a [`Writer`] and a [`Sink`], and this `main`. Its name and
//! its sentence come from its `Cargo.toml` then.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use sink::{Message, NoArgs, NoCommands, Sink, SinkOptions, WriteError, Writer, Written};

/// How long a disk may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The folder that sessions are written to.
#[derive(Debug, Clone, clap::Args)]
struct Folder {
    /// Folder that gets a file for each session.
    #[arg(long, env = "FOLDER_PATH")]
    path: PathBuf,
}

impl Writer for Folder {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        let mut results = Vec::with_capacity(batch.len());
        for message in batch {
            // The stem comes from the event, so a message that is delivered again writes the same file again.
            let file = self.path.join(format!("{}.json", message.event.identity.stem()));
            let result = match tokio::fs::write(file, &message.payload).await {
                Ok(()) => Ok(Written { outcome: "stored" }),
                // No message is to blame for it: all wait until the disk takes files again.
                Err(error) => Err(WriteError::Unavailable { reason: error.to_string(), after: None }),
            };
            results.push(result);
        }
        results
    }

    async fn probe(&self) -> Result<(), String> {
        let folder = tokio::fs::metadata(&self.path).await.map_err(|error| error.to_string())?;
        if folder.is_dir() { Ok(()) } else { Err(format!("{} is no folder", self.path.display())) }
    }
}

impl Sink for Folder {
    const NAME: &'static str = "sink-folder";
    const ABOUT: &'static str = "Writes each session to a file";
    const HTTP: &'static str = "127.0.0.1:9109";

    type Args = Self;
    type SetupArgs = NoArgs;
    type Command = NoCommands;

    fn options(_: &Self) -> SinkOptions {
        SinkOptions {
            max_batch: 1,
            linger: Duration::ZERO,
            max_concurrent_writes: 4,
            write_timeout: WRITE_TIMEOUT,
        }
    }

    fn write_timeout(_: &NoArgs) -> Duration {
        WRITE_TIMEOUT
    }

    async fn connect(args: Self) -> anyhow::Result<Self> {
        Ok(args)
    }
}

fn main() -> ExitCode {
    sink::main::<Folder>()
}
