//! DTLS and SRTP that hide nothing and believe everybody, so that what stands behind them is reached by any bytes. Both ends of
//! a connection have to have them.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, KeyingMaterial,
    ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{
    AeadAes128GcmCipher, CryptoError, CryptoProvider, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

use super::{hash, srtp};

/// What stands before the data of a datagram, as before that of a DTLS record.
pub(crate) const DATA: u8 = 23;
/// Bytes behind a packet of RTP or RTCP; they may be any.
pub(crate) const TAG: usize = 16;

/// Of both sides.
const CERTIFICATE: &[u8] = b"certificate";
/// Keys and salts, of which nothing is made.
const KEYS: [u8; 56] = [0; 56];
const NEVER: Duration = Duration::from_secs(3600);

/// The provider, for every connection that is to be read.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        Arc::new(CryptoProvider {
            srtp_provider: &Plain,
            sha1_hmac_provider: &hash::Hash,
            sha256_provider: &hash::Hash,
            dtls_provider: &Plain,
        })
    });
    PROVIDER.clone()
}

#[derive(Debug)]
struct Plain;

impl DtlsProvider for Plain {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        Some(DtlsCert { certificate: CERTIFICATE.to_vec(), private_key: Vec::new() })
    }

    fn new_dtls(
        &self,
        _certificate: &DtlsCert,
        now: Instant,
        _version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        Ok(Box::new(Records {
            active: false,
            told: 0,
            sent: VecDeque::new(),
            received: VecDeque::new(),
            now,
        }))
    }
}

/// A connection that is open from the beginning.
#[derive(Debug)]
struct Records {
    active: bool,
    /// How much was told of the handshake that there is not.
    told: u8,
    sent: VecDeque<Vec<u8>>,
    received: VecDeque<Vec<u8>>,
    now: Instant,
}

impl DtlsInstance for Records {
    fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        if let [DATA, data @ ..] = packet {
            self.received.push_back(data.to_vec());
        }
        Ok(())
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.told = self.told.saturating_add(1);
        match self.told {
            1 => return DtlsOutput::PeerCert(copied(CERTIFICATE, buffer)),
            2 => {
                let keys = KeyingMaterial::new(&KEYS);
                return DtlsOutput::KeyingMaterial(keys, SrtpProfile::AEAD_AES_128_GCM);
            }
            3 => return DtlsOutput::Connected,
            _ => {}
        }
        if let Some(data) = self.sent.pop_front() {
            return DtlsOutput::Packet(copied(&data, buffer));
        }
        match self.received.pop_front() {
            Some(data) => DtlsOutput::ApplicationData(copied(&data, buffer)),
            None => DtlsOutput::Timeout(self.now + NEVER),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        Ok(())
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<(), DtlsImplError> {
        self.sent.push_back([&[DATA], data].concat());
        Ok(())
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        None
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        Ok(())
    }
}

fn copied<'a>(data: &[u8], buffer: &'a mut [u8]) -> &'a [u8] {
    let length = data.len().min(buffer.len());
    buffer[..length].copy_from_slice(&data[..length]);
    &buffer[..length]
}

impl SrtpProvider for Plain {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        srtp::Srtp.aes_128_cm_sha1_80()
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Self
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        srtp::Srtp.aead_aes_256_gcm()
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        srtp::Srtp.srtp_aes_128_ecb_round(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        srtp::Srtp.srtp_aes_256_ecb_round(key, input, output);
    }
}

impl SupportedAeadAes128Gcm for Plain {
    fn create_cipher(&self, _key: [u8; 16], _encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Self)
    }
}

impl AeadAes128GcmCipher for Plain {
    fn encrypt(
        &mut self,
        _iv: &[u8; 12],
        _aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        let (text, tag) = output[..input.len() + TAG].split_at_mut(input.len());
        text.copy_from_slice(input);
        tag.fill(0);
        Ok(())
    }

    fn decrypt(
        &mut self,
        _iv: &[u8; 12],
        _aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let length = input.len().checked_sub(TAG).ok_or_else(|| CryptoError::Other("no tag".to_owned()))?;
        output[..length].copy_from_slice(&input[..length]);
        Ok(length)
    }
}
