//! What the end-to-end tests, the demo, the benchmarks and `make up` share: the description of the development stack, callers,
//! and views of what arrived in the archive and in Salesforce; and the faults that meet in `make chaos`.

pub mod archive;
pub mod caller;
pub mod chaos;
pub mod conversation;
pub mod environment;
pub mod leads;
pub mod media_server;
pub mod nats;
pub mod openssl;
pub mod sink_servers;
pub mod stack;
mod wait;

pub use wait::wait_for;

/// Chooses the TLS implementation for every client in this process; needed before the first one is made.
pub fn install_tls() {
    // A second call changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
}
