//! The certificate a side shows in the DTLS handshake. Nobody signs it: the peer knows its fingerprint from the session
//! description (RFC 8827, section 6.5).

use std::time::{Duration, SystemTime};

use p256::SecretKey;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::CryptoRngCore;
use p256::pkcs8::EncodePrivateKey;
use str0m::config::DtlsCert;
use x509_cert::der::asn1::{BitString, GeneralizedTime, ObjectIdentifier, UtcTime};
use x509_cert::der::{self, Encode};
use x509_cert::name::RdnSequence;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{self, AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate, Version};

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const COMMON_NAME: &str = "CN=WebRTC";
/// Browsers give theirs this long as well; only the handshake looks at it.
const VALID_FOR: Duration = Duration::from_hours(30 * 24);
/// For a peer whose clock is behind.
const VALID_SINCE: Duration = Duration::from_hours(24);

#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("encode the certificate")]
    Certificate(#[from] der::Error),
    #[error("encode the public key")]
    PublicKey(#[from] spki::Error),
    #[error("encode the private key")]
    PrivateKey(#[from] p256::pkcs8::Error),
}

/// A new key (ECDSA, P-256) and a certificate for it, signed by itself.
pub(super) fn self_signed(
    now: SystemTime,
    random: &mut impl CryptoRngCore,
) -> Result<DtlsCert, CertificateError> {
    let key = SigningKey::random(random);
    // Browsers tell certificates apart by issuer and number: random bits, positive and without a leading zero.
    let mut serial_number = [0; 16];
    random.fill_bytes(&mut serial_number);
    serial_number[0] = serial_number[0] & 0x3f | 0x40;
    let name: RdnSequence = COMMON_NAME.parse()?;
    let algorithm = AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA256, parameters: None };
    let contents = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial_number)?,
        signature: algorithm.clone(),
        issuer: name.clone(),
        validity: Validity { not_before: time(now - VALID_SINCE)?, not_after: time(now + VALID_FOR)? },
        subject: name,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_key(*key.verifying_key())?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let signature: DerSignature = key.sign(&contents.to_der()?);
    let certificate = Certificate {
        tbs_certificate: contents,
        signature_algorithm: algorithm,
        signature: BitString::from_bytes(signature.as_bytes())?,
    };
    let private_key = SecretKey::from(key).to_pkcs8_der()?;
    Ok(DtlsCert { certificate: certificate.to_der()?, private_key: private_key.as_bytes().to_vec() })
}

fn time(time: SystemTime) -> der::Result<Time> {
    Ok(match UtcTime::from_system_time(time) {
        Ok(time) => Time::UtcTime(time),
        // From the year 2050 on (RFC 5280, section 4.1.2.5).
        Err(_) => Time::GeneralTime(GeneralizedTime::from_system_time(time)?),
    })
}
