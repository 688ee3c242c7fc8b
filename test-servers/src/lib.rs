//! Real servers for tests: each on ports and in a folder of its own, ended with its owner. What goes wrong panics: a
//! test without its server has failed.

mod listening;
mod livekit;
mod nats;
mod ports;
pub mod webm;

use std::path::{Path, PathBuf};

pub use listening::Listening;
pub use livekit::{Host, KEY, LiveKitServer, SECRET, livekit_configuration};
pub use nats::{NatsServer, all_settled, set_ack_wait};
pub use ports::{free_port, free_port_with};

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// What the set-up installed, such as `bin/nats-server`.
pub fn tool(path: &str) -> PathBuf {
    let tools = std::env::var_os("POSTCALL_TOOLS").map_or_else(|| workspace().join(".tools"), PathBuf::from);
    tools.join(path)
}
