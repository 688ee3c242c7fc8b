//! Assertions: claims signed with the app's RSA key, as JSON Web Tokens (RFC 7515, RS256).

use anyhow::bail;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;
use service::json_web_token;

/// An RSA key of 2048 to 4096 bits.
pub(crate) struct SigningKey(Box<RsaKeyPair>);

impl SigningKey {
    /// Reads `PRIVATE KEY` (PKCS #8) or `RSA PRIVATE KEY` (PKCS #1).
    pub(crate) fn from_pem(pem: &[u8]) -> anyhow::Result<Self> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| anyhow::anyhow!("it has no private key"))?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => bail!("it is no RSA key"),
        };
        let pair =
            pair.map_err(|reason| anyhow::anyhow!("it is no RSA key of 2048 to 4096 bits: {reason}"))?;
        Ok(Self(Box::new(pair)))
    }

    pub(crate) fn sign(&self, claims: &impl Serialize) -> anyhow::Result<String> {
        json_web_token("RS256", claims, |signed| {
            let mut signature = vec![0; self.0.public().modulus_len()];
            let signing = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature);
            signing.map_err(|_| anyhow::anyhow!("the key does not sign"))?;
            Ok(signature)
        })
    }
}
