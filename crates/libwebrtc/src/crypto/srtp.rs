//! The ciphers of SRTP: AES in counter mode (RFC 3711) and AES-GCM (RFC 7714). Each keeps its key schedule, and nothing is
//! allocated for a packet of RTP.

use std::fmt;

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128, Aes256};
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{AeadInPlace, Aes128Gcm, Aes256Gcm};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, SrtpProvider,
    SupportedAeadAes128Gcm, SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

const TAG: usize = 16;

#[derive(Debug)]
pub(super) struct Srtp;

impl SrtpProvider for Srtp {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Self
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Self
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Self
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        encrypt_block(&Aes128::new(GenericArray::from_slice(key)), input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        encrypt_block(&Aes256::new(GenericArray::from_slice(key)), input, output);
    }
}

/// Encrypts one block of 16 bytes. The output has room for a second one, of padding, that some libraries add.
fn encrypt_block<C: BlockEncrypt<BlockSize = U16>>(cipher: &C, input: &[u8], output: &mut [u8]) {
    cipher
        .encrypt_block_b2b(GenericArray::from_slice(input), GenericArray::from_mut_slice(&mut output[..16]));
}

impl SupportedAes128CmSha1_80 for Srtp {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(CounterMode(Aes128::new(&key.into())))
    }
}

impl SupportedAeadAes128Gcm for Srtp {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Gcm(Aes128Gcm::new(&key.into())))
    }
}

impl SupportedAeadAes256Gcm for Srtp {
    fn create_cipher(&self, key: [u8; 32], _encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Gcm(Aes256Gcm::new(&key.into())))
    }
}

struct CounterMode(Aes128);

impl Aes128CmSha1_80Cipher for CounterMode {
    fn encrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let core = CtrCore::<_, Ctr128BE>::inner_iv_init(&self.0, iv.into());
        StreamCipherCoreWrapper::from_core(core)
            .apply_keystream_b2b(input, &mut output[..input.len()])
            .map_err(|error| CryptoError::Other(error.to_string()))
    }

    fn decrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.encrypt(iv, input, output)
    }
}

struct Gcm<C>(C);

impl<C: AeadInPlace<NonceSize = U12, TagSize = U16>> Gcm<C> {
    /// Writes the encrypted input and the tag.
    fn seal(&self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let (text, tag) = output[..input.len() + TAG].split_at_mut(input.len());
        text.copy_from_slice(input);
        tag.copy_from_slice(&self.0.encrypt_in_place_detached(iv.into(), aad, text).map_err(refused)?);
        Ok(())
    }

    /// Writes what was sealed, and answers its length.
    fn open(
        &self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let length = input.len().checked_sub(TAG).ok_or_else(|| refused(aes_gcm::Error))?;
        let (text, tag) = input.split_at(length);
        let output = &mut output[..length];
        output.copy_from_slice(text);
        let open = |aad: &[u8], output| {
            self.0.decrypt_in_place_detached(iv.into(), aad, output, GenericArray::from_slice(tag))
        };
        match aads {
            [aad] | [aad, []] => open(aad, output),
            // RTCP that is not encrypted, only authenticated.
            several => open(&several.concat(), output),
        }
        .map_err(refused)?;
        Ok(length)
    }
}

fn refused(error: aes_gcm::Error) -> CryptoError {
    CryptoError::Other(format!("AES-GCM: {error}"))
}

impl AeadAes128GcmCipher for Gcm<Aes128Gcm> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.seal(iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.open(iv, aads, input, output)
    }
}

impl AeadAes256GcmCipher for Gcm<Aes256Gcm> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.seal(iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.open(iv, aads, input, output)
    }
}

impl fmt::Debug for CounterMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CounterMode")
    }
}

impl<C> fmt::Debug for Gcm<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm")
    }
}
