//! HTTPS, for clients that speak nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// Longest time for a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who the server is.
#[derive(Debug, Clone)]
pub struct Identity(Arc<ServerConfig>);

impl Identity {
    /// Reads a certificate, with those that vouch for it behind it, and its private key. A provider of cryptography must
    /// be installed.
    ///
    /// # Errors
    /// A file that cannot be read, or a key that is not the certificate's.
    pub fn from_pem_files(certificate: &Path, private_key: &Path) -> anyhow::Result<Self> {
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
            .with_context(|| format!("read certificate {}", certificate.display()))?;
        let key = PrivateKeyDer::from_pem_file(private_key)
            .with_context(|| format!("read private key {}", private_key.display()))?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        Ok(Self(Arc::new(config.context("use certificate and private key")?)))
    }
}

/// Connections whose handshake is done. One that is slow at it holds no other.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    pub(crate) fn new(tcp: TcpListener, identity: &Identity) -> Self {
        Self { tcp, acceptor: identity.0.clone().into(), handshakes: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, address) = Listener::accept(&mut self.tcp) => {
                    let handshake = self.acceptor.accept(stream);
                    self.handshakes.spawn(async move {
                        // A client that does not trust the certificate is the client's to complain about.
                        let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await.ok()?.ok()?;
                        Some((stream, address))
                    });
                }
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = done {
                        return connection;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
