//! What every program does alike: how it logs, which TLS it uses, how it reaches NATS, how it is told to stop, how it shows
//! the error that ended it, that no dump of its memory is left, what its process takes, how it answers over HTTP, what its service
//! manager is told, how it reads a file of settings, and how it tells of what it has done as traces.

mod backoff;
mod command_line;
mod core_dump;
pub mod document;
mod file_limit;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod http_server;
mod json_web_token;
mod livekit_key;
mod livekit_url;
mod logging;
mod nats;
mod networks;
mod operations;
mod plain_text;
mod program_metrics;
mod renamed;
mod retry_after;
mod secret;
mod seldom;
mod service_manager;
mod shutdown;
pub mod traces;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tracing::error;

pub use backoff::Backoff;
pub use command_line::command_line;
pub use http_server::{HttpLimits, HttpServer};
pub use json_web_token::{json_web_token, shared_secret_token};
pub use livekit_key::{LiveKitKey, LiveKitKeyArgs};
pub use livekit_url::{InvalidLiveKitUrl, LiveKitUrl};
pub use logging::LogFormat;
pub use nats::{Connection, JetStream, Nats, Refusal, SyncInterval, what_to_do};
pub use networks::{InvalidNetworks, Networks, client_network};
pub use operations::{operations_routes, serve_operations};
pub use plain_text::{ensure_stays_on_this_machine, is_loopback};
pub use program_metrics::program_metrics;
pub use renamed::ensure_not_renamed;
pub use retry_after::retry_after;
pub use secret::SecretSource;
pub use seldom::Seldom;
pub use shutdown::shutdown_on_signal;

/// How long threads may still work when the program is over. Some wait for what may never come, such as an answer to a name.
const THREADS_LIMIT: Duration = Duration::from_secs(5);

/// What a `main` calls: sets the process up, runs the program, and logs its error once. `own` are the crates that the program
/// is made of: all that they say from `info` on is logged without `RUST_LOG`, of other crates only their troubles are.
pub fn main(
    own: &[&str],
    log_format: LogFormat,
    program: impl Future<Output = anyhow::Result<()>>,
) -> ExitCode {
    logging::install(own, log_format);
    core_dump::forbid();
    file_limit::raise();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        error!("another provider of cryptography is installed");
        return ExitCode::FAILURE;
    }
    match run(program, THREADS_LIMIT) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // An event is one line, and a list of faults has several.
            format!("{error:#}").lines().for_each(|line| error!("{line}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the program in a runtime that does not wait longer than that for its blocking threads.
fn run(program: impl Future<Output = anyhow::Result<()>>, limit: Duration) -> anyhow::Result<()> {
    let runtime = Runtime::new().context("start the runtime")?;
    let ended = runtime.block_on(program);
    runtime.shutdown_timeout(limit);
    ended
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_thread_that_does_not_end_does_not_keep_the_program() {
        let started = Instant::now();
        let program = async {
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(30)));
            tokio::time::sleep(Duration::from_millis(50)).await;
            anyhow::bail!("its own error")
        };
        let ended = run(program, Duration::from_millis(200));
        assert_eq!(ended.map_err(|error| error.to_string()), Err("its own error".to_owned()));
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}
