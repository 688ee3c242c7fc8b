//! The cryptography of a connection, all in Rust: what [`str0m`] asks of it, answered by the RustCrypto crates and by
//! `dimpl` for the DTLS handshake.

mod certificate;
mod dtls;
mod hash;
#[cfg(any(test, fuzzing))]
pub(crate) mod plain;
mod srtp;

#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use str0m::crypto::CryptoProvider;

/// The one provider, for every connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        Arc::new(CryptoProvider {
            srtp_provider: &srtp::Srtp,
            sha1_hmac_provider: &hash::Hash,
            sha256_provider: &hash::Hash,
            dtls_provider: &dtls::Dtls,
        })
    });
    PROVIDER.clone()
}
