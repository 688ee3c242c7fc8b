//! The files with certificates, which are looked at before the network is touched, and where it fails. The client reads them at
//! each try to connect, and does not say which of them is wrong.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// What NATS is trusted by, and what it is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsFiles {
    pub(super) authorities: Option<PathBuf>,
    /// The client's certificate and its key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// # Errors
    /// Only one of the two files of a client is set.
    pub(super) fn of(
        authorities: Option<PathBuf>,
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => bail!("NATS_CERT_FILE and NATS_KEY_FILE go together: set both, or none"),
        };
        Ok(Self { authorities, client })
    }

    /// # Errors
    /// A file cannot be read or does not hold what it should, or certificate and key are not each other's. No error holds what
    /// is in a file.
    pub(super) fn look(&self) -> anyhow::Result<()> {
        if let Some(file) = &self.authorities {
            certificates("NATS_CA_FILE", file)?;
        }
        let Some((certificate, key)) = &self.client else { return Ok(()) };
        let chain = certificates("NATS_CERT_FILE", certificate)?;
        let pem = read("NATS_KEY_FILE", key)?;
        let secret = PrivateKeyDer::from_pem_slice(&pem)
            // The error would name what it could not read.
            .map_err(|_| anyhow!("NATS_KEY_FILE {} holds no key (PEM)", key.display()))?;
        let pair = CertifiedKey::from_der(chain, secret, &rustls::crypto::ring::default_provider());
        pair.map(drop).map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            anyhow!("NATS_KEY_FILE {key} is not the key of NATS_CERT_FILE {certificate}: {error}")
        })
    }

    /// What a person can do about an error of a connection; none where it is not about certificates.
    pub(super) fn todo(&self, error: &str) -> Option<String> {
        let error = error.to_ascii_lowercase();
        // What the server says of us comes as an alert; what we say of the server does not.
        if error.contains("alert") && ["certificate", "unknownca"].iter().any(|word| error.contains(word)) {
            return Some(match &self.client {
                Some((certificate, _)) => {
                    format!("the server does not take NATS_CERT_FILE {}", certificate.display())
                }
                None => "the server asks for a client's certificate: set NATS_CERT_FILE and NATS_KEY_FILE"
                    .to_owned(),
            });
        }
        if error.contains("not valid for name") || error.contains("notvalidforname") {
            return Some(
                "the server's certificate is for another name: correct the host in NATS_URL".to_owned(),
            );
        }
        if !["certificate", "could not load", "could not add", "tls"].iter().any(|word| error.contains(word))
        {
            return None;
        }
        Some(match (self.look(), &self.authorities) {
            (Err(error), _) => format!("{error:#}"),
            (Ok(()), Some(file)) => format!("correct NATS_CA_FILE {}", file.display()),
            (Ok(()), None) => "set NATS_CA_FILE to the authority of the server's certificate".to_owned(),
        })
    }
}

fn certificates(setting: &str, file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let pem = read(setting, file)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = read.map_err(|_| anyhow!("{setting} {} is no PEM file", file.display()))?;
    ensure!(!certificates.is_empty(), "{setting} {} holds no certificate (PEM)", file.display());
    Ok(certificates)
}

fn read(setting: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("read {setting} {}", file.display()))
}
