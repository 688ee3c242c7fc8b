//! End-to-end encryption, which is refused.
//!
//! `livekit` builds a [`DataPacketCryptor`] when a room is joined with encryption, before it makes a peer connection.
//! That constructor cannot fail, so `refuse_while_wanted` makes the peer connection fail instead: a room that asked
//! for encryption is never joined in the clear.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::RtcError;
use crate::native::packet_trailer::PacketTrailerHandler;
use crate::{
    peer_connection_factory::PeerConnectionFactory, rtp_receiver::RtpReceiver, rtp_sender::RtpSender,
};

const WHAT: &str = "end-to-end encryption";

/// Cryptors alive in the process: rooms that want encryption.
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// The error of every peer connection made while some room of the process wants encryption.
pub(crate) fn refuse_while_wanted() -> Result<(), RtcError> {
    if WANTED.load(Ordering::Acquire) > 0 { Err(RtcError::not_supported(WHAT)) } else { Ok(()) }
}

pub type OnStateChange = Box<dyn FnMut(String, EncryptionState) + Send + Sync>;

#[derive(Copy, Clone, Debug)]
#[non_exhaustive]
pub enum KeyDerivationAlgorithm {
    PBKDF2,
    HKDF,
}

#[derive(Debug, Clone)]
pub struct KeyProviderOptions {
    pub shared_key: bool,
    pub ratchet_window_size: i32,
    pub ratchet_salt: Vec<u8>,
    pub failure_tolerance: i32,
    pub key_ring_size: i32,
    pub key_derivation_algorithm: KeyDerivationAlgorithm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionAlgorithm {
    AesGcm,
    AesCbc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionState {
    New,
    Ok,
    EncryptionFailed,
    DecryptionFailed,
    MissingKey,
    KeyRatcheted,
    InternalError,
}

#[derive(Debug, Clone)]
pub struct EncryptedPacket {
    pub data: Vec<u8>,
    pub iv: Vec<u8>,
    pub key_index: u32,
}

/// Takes no keys: every setter answers `false`, every getter `None`.
#[derive(Clone)]
pub struct KeyProvider(());

impl KeyProvider {
    pub fn new(_options: KeyProviderOptions) -> Self {
        tracing::error!("{WHAT} is not supported: a room with a key provider cannot be joined");
        Self(())
    }

    pub fn set_shared_key(&self, _key_index: i32, _key: Vec<u8>) -> bool {
        false
    }

    pub fn ratchet_shared_key(&self, _key_index: i32) -> Option<Vec<u8>> {
        None
    }

    pub fn get_shared_key(&self, _key_index: i32) -> Option<Vec<u8>> {
        None
    }

    pub fn set_key(&self, _participant_id: String, _key_index: i32, _key: Vec<u8>) -> bool {
        false
    }

    pub fn ratchet_key(&self, _participant_id: String, _key_index: i32) -> Option<Vec<u8>> {
        None
    }

    pub fn get_key(&self, _participant_id: String, _key_index: i32) -> Option<Vec<u8>> {
        None
    }

    pub fn set_sif_trailer(&self, _trailer: Vec<u8>) {
        tracing::error!("{WHAT} is not supported: the trailer is not used");
    }
}

/// Stops the sender or receiver it is made for, so that nothing passes in the clear.
#[derive(Clone)]
pub struct FrameCryptor {
    participant_id: Arc<str>,
}

impl FrameCryptor {
    pub fn new_for_rtp_sender(
        _factory: &PeerConnectionFactory,
        participant_id: String,
        _algorithm: EncryptionAlgorithm,
        _keys: KeyProvider,
        sender: RtpSender,
    ) -> Self {
        tracing::error!("{WHAT} is not supported: the sender is stopped");
        sender.forbid_media();
        Self { participant_id: participant_id.into() }
    }

    pub fn new_for_rtp_receiver(
        _factory: &PeerConnectionFactory,
        participant_id: String,
        _algorithm: EncryptionAlgorithm,
        _keys: KeyProvider,
        receiver: RtpReceiver,
    ) -> Self {
        tracing::error!("{WHAT} is not supported: the receiver is stopped");
        receiver.forbid_media();
        Self { participant_id: participant_id.into() }
    }

    /// Has no effect: media stays stopped.
    pub fn set_enabled(&self, _enabled: bool) {}

    pub fn enabled(&self) -> bool {
        false
    }

    pub fn participant_id(&self) -> String {
        self.participant_id.to_string()
    }

    /// Reports [`EncryptionState::InternalError`] at once.
    pub fn on_state_change(&self, handler: Option<OnStateChange>) {
        if let Some(mut handler) = handler {
            handler(self.participant_id(), EncryptionState::InternalError);
        }
    }

    pub fn set_packet_trailer_handler(&self, _handler: &PacketTrailerHandler) {}
}

/// Encrypts nothing: both directions fail.
#[derive(Clone)]
pub struct DataPacketCryptor(
    #[expect(dead_code, reason = "its lifetime is what counts")] Arc<WantsEncryption>,
);

impl DataPacketCryptor {
    pub fn new(_algorithm: EncryptionAlgorithm, _keys: KeyProvider) -> Self {
        WANTED.fetch_add(1, Ordering::AcqRel);
        Self(Arc::new(WantsEncryption))
    }

    pub fn encrypt(
        &self,
        _participant_id: &str,
        _key_index: u32,
        _data: &[u8],
    ) -> Result<EncryptedPacket, Box<dyn std::error::Error>> {
        Err(RtcError::not_supported(WHAT).into())
    }

    pub fn decrypt(
        &self,
        _participant_id: &str,
        _packet: &EncryptedPacket,
    ) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        Err(RtcError::not_supported(WHAT).into())
    }
}

struct WantsEncryption;

impl Drop for WantsEncryption {
    fn drop(&mut self) {
        WANTED.fetch_sub(1, Ordering::AcqRel);
    }
}
