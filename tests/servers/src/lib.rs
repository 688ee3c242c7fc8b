//! Programs and real servers as child processes, each on ports and in a folder of its own, ended with its owner. Where a
//! server cannot be started it panics: a test without its server has failed.

pub mod collector;
mod eventually;
mod folder;
pub mod http;
mod jaeger;
mod listening;
mod livekit;
mod nats;
mod nats_cluster;
mod nats_users;
mod ports;
mod process;
mod program;
mod seaweedfs;
mod stepped_clock;
pub mod webm;

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

pub use eventually::eventually;
pub use folder::copy_folder;
pub use jaeger::Jaeger;
pub use listening::Listening;
pub use livekit::{Host, KEY, LIVEKIT_PORTS, LiveKitServer, SECRET, livekit_configuration};
pub use nats::{NatsServer, all_settled, set_ack_wait};
pub use nats_cluster::NatsCluster;
pub use nats_users::{NatsUser, nats_users};
pub use ports::{free_port, free_port_with};
pub use process::{Process, process_status};
pub use program::{Program, Signal, last_lines};
pub use seaweedfs::{SEAWEEDFS_PORTS, SeaweedFsUser, aws_policy, seaweedfs_arguments, seaweedfs_keys};
pub use stepped_clock::SteppedClock;

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map_or_else(PathBuf::new, Path::to_owned)
}

/// Smart Turn, which hears whether a turn is over.
pub fn turn_detector_model() -> PathBuf {
    tool("models/smart-turn-v3.2-cpu.onnx")
}

/// One of our own programs, which cargo has put beside the running one, or above it.
///
/// # Errors
/// It is not built; with what to do.
pub fn built_program(name: &str) -> Result<PathBuf> {
    let running = std::env::current_exe()?;
    let built = running.ancestors().skip(1).map(|folder| folder.join(name)).find(|path| path.is_file());
    built.ok_or_else(|| Error::other(format!("{name} is not built: run «cargo build --workspace --bins»")))
}

/// What the set-up installed, such as `bin/nats-server`.
pub fn tool(path: &str) -> PathBuf {
    let tools = std::env::var_os("POSTCALL_TOOLS").map_or_else(|| workspace().join(".tools"), PathBuf::from);
    tools.join(path)
}
