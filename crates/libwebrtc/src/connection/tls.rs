//! TLS to a server whose name is verified against the system's roots.
//!
//! The cryptography is the process's: rustls's default provider, which a program that speaks TLS at all has installed.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Made once: reading the roots takes tens of milliseconds.
static CONFIG: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();

pub(super) async fn connect(host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let config = CONFIG.get_or_try_init(load_config).await?;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(config.clone()).connect(name, stream).await
}

async fn load_config() -> io::Result<Arc<ClientConfig>> {
    let provider = CryptoProvider::get_default().cloned().ok_or_else(|| {
        io::Error::other(
            "no cryptography for TLS: call rustls::crypto::CryptoProvider::install_default first",
        )
    })?;
    let roots = tokio::task::spawn_blocking(load_roots).await.map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn load_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "read root certificates");
    }
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, ignored, "read root certificates");
    roots
}
