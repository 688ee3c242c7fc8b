//! Vectors of the standards, and what a peer checks of a certificate.

use std::time::{Duration, SystemTime};

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey};
use str0m::crypto::dtls::{DtlsCert, DtlsVersion};
use str0m::crypto::{AeadAes128Gcm, Aes128CmSha1_80, CryptoProvider};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use super::certificate::self_signed;
use super::provider;

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    parse(hex).try_into().expect("the vector's length")
}

fn parse(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// Key derivation of RFC 3711, section 4.3: the label's keystream.
fn derive<const N: usize>(provider: &CryptoProvider, master: &[u8], salt: &[u8; 14], label: u8) -> [u8; N] {
    let mut block = [0; 16];
    block[..14].copy_from_slice(salt);
    block[7] ^= label;
    let mut keystream = Vec::new();
    while keystream.len() < N {
        let mut output = [0; 32];
        match master.len() {
            16 => provider.srtp_provider.srtp_aes_128_ecb_round(master, &block, &mut output),
            _ => provider.srtp_provider.srtp_aes_256_ecb_round(master, &block, &mut output),
        }
        keystream.extend(&output[..16]);
        block[15] += 1;
    }
    keystream[..N].try_into().expect("long enough")
}

#[test]
fn blocks_are_encrypted_as_fips_197_has_it() {
    let provider = provider();
    let text = parse("00112233445566778899aabbccddeeff");
    let mut output = [0; 32];
    let key = parse("000102030405060708090a0b0c0d0e0f");
    provider.srtp_provider.srtp_aes_128_ecb_round(&key, &text, &mut output);
    assert_eq!(output[..16], parse("69c4e0d86a7b0430d8cdb78070b4c55a"));
    let key = parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    provider.srtp_provider.srtp_aes_256_ecb_round(&key, &text, &mut output);
    assert_eq!(output[..16], parse("8ea2b7ca516745bfeafc49904b496089"));
}

#[test]
fn the_counter_mode_keystream_is_rfc_3711s() {
    // Appendix B.2: zeros, encrypted; the last block is number 0xff01.
    let supported = provider().srtp_provider.aes_128_cm_sha1_80();
    let mut cipher = supported.create_cipher(bytes("2B7E151628AED2A6ABF7158809CF4F3C"), true);
    let iv = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    // Longer than the text, as str0m's buffers are.
    let mut keystream = vec![0; 16 * 0xff02 + 15];
    cipher.encrypt(&iv, &vec![0; 16 * 0xff02], &mut keystream).expect("encrypt");
    assert_eq!(
        keystream[..48],
        parse(
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"
        )
    );
    assert_eq!(
        keystream[16 * 0xfeff..][..48],
        parse(
            "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44"
        )
    );
}

#[test]
fn a_packet_is_protected_with_the_keys_of_rfc_3711() {
    let provider = provider();
    // Appendix B.3.
    let master = parse("E1F97A0D3E018BE0D64FA32C06DE4139");
    let salt = bytes("0EC675AD498AFEEBB6960B3AABE6");
    let key: [u8; 16] = derive(&provider, &master, &salt, 0);
    let authentication: [u8; 20] = derive(&provider, &master, &salt, 1);
    let session_salt: [u8; 14] = derive(&provider, &master, &salt, 2);
    assert_eq!(key, bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(authentication, bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    assert_eq!(session_salt, bytes("30CBBC08863D8C85D49DB34A9AE1"));

    // The packet that implementations of SRTP test each other with.
    let header = parse("800f1234decafbadcafebabe");
    let mut packet = [&header[..], &[0; 16 + 10]].concat();
    let index = 0x1234;
    let iv = Aes128CmSha1_80::rtp_iv(session_salt, 0xcafe_babe, index);
    let cipher = || provider.srtp_provider.aes_128_cm_sha1_80().create_cipher(key, true);
    cipher().encrypt(&iv, &[0xab; 16], &mut packet[12..]).expect("encrypt");
    let hmac = |key: &[u8], payloads: &[&[u8]]| provider.sha1_hmac_provider.sha1_hmac(key, payloads);
    Aes128CmSha1_80::rtp_hmac(hmac, &authentication, &mut packet, index, 12 + 16);
    assert_eq!(packet[12..], parse("4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb"));
    let mut text = [0; 16];
    cipher().decrypt(&iv, &packet[12..28], &mut text).expect("decrypt");
    assert_eq!(text, [0xab; 16]);
}

/// RFC 7714, sections 16 and 17: header, text.
const GCM_HEADER: &str = "8040f17b 8041f8d3 5501a0b2";
const GCM_TEXT: &str =
    "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";
const GCM_128: &str = "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf \
    8833899d 7f27beb1 6a9152cf 765ee439 0cce";
const GCM_256: &str = "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 \
    b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";

/// Calls the cipher of either key length alike.
macro_rules! check_gcm {
    ($supported:expr, $key:expr, $sealed:expr, $authenticated_only:expr) => {
        let mut cipher = $supported.create_cipher($key, true);
        let salt = bytes("517569642070726f2071756f");
        let iv = AeadAes128Gcm::rtp_iv(salt, 0x5501_a0b2, 0, 0xf17b);
        let (header, text, sealed) = (parse(GCM_HEADER), parse(GCM_TEXT), parse($sealed));
        let mut output = vec![0; sealed.len()];
        cipher.encrypt(&iv, &header, &text, &mut output).expect("encrypt");
        assert_eq!(output, sealed);

        let mut opened = vec![0; text.len()];
        assert_eq!(cipher.decrypt(&iv, &[&header, &[]], &sealed, &mut opened).expect("decrypt"), text.len());
        assert_eq!(opened, text);
        let changed = [&sealed[..37], &[sealed[37] ^ 1], &sealed[38..]].concat();
        assert!(cipher.decrypt(&iv, &[&header], &changed, &mut opened).is_err());
        assert!(cipher.decrypt(&iv, &[&header[1..]], &sealed, &mut opened).is_err());
        assert!(cipher.decrypt(&iv, &[&header], &sealed[..15], &mut opened).is_err());

        // RTCP that is only authenticated: the packet and its index are two parts.
        let iv = AeadAes128Gcm::rtcp_iv(salt, 0x4d61_7273, 0x05d4);
        let packet = parse(
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 \
             deadbeef deadbeef deadbeef deadbeef deadbeef",
        );
        let tag = parse($authenticated_only);
        assert_eq!(cipher.decrypt(&iv, &[&packet, &[0, 0, 5, 0xd4]], &tag, &mut []).expect("verify"), 0);
        assert!(cipher.decrypt(&iv, &[&packet, &[0, 0, 5, 0xd5]], &tag, &mut []).is_err());
    };
}

#[test]
fn aes_gcm_is_rfc_7714s() {
    let srtp = provider().srtp_provider;
    let key = bytes("000102030405060708090a0b0c0d0e0f");
    check_gcm!(srtp.aead_aes_128_gcm(), key, GCM_128, "841dd968 3dd78ec9 2ae58790 125f62b3");
    let key = bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    check_gcm!(srtp.aead_aes_256_gcm(), key, GCM_256, "91db4afb feee5a97 8fab4393 ed2615fe");
}

#[test]
fn hashes_are_those_of_the_standards() {
    let provider = provider();
    // RFC 2202, cases 2 and 6; FIPS 180-4's "abc".
    let hmac = |key: &[u8], payloads: &[&[u8]]| provider.sha1_hmac_provider.sha1_hmac(key, payloads);
    let expected = bytes("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_eq!(hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]), expected);
    let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
    assert_eq!(hmac(&[0xaa; 80], &[text]), bytes("aa4ae5e15272d00e95705637ce8a3b55ed402112"));
    let expected = bytes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(provider.sha256_provider.sha256(b"abc"), expected);
}

#[test]
fn a_certificate_is_valid_now_and_signed_by_its_own_key() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let made = self_signed(now, &mut OsRng).expect("make certificate");
    let certificate = Certificate::from_der(&made.certificate).expect("parse certificate");
    let contents = &certificate.tbs_certificate;
    assert_eq!(contents.subject, contents.issuer);
    assert_eq!(contents.subject.to_string(), "CN=WebRTC");
    assert!(contents.validity.not_before.to_system_time() < now - Duration::from_hours(1));
    assert!(contents.validity.not_after.to_system_time() > now + Duration::from_hours(24));
    assert_eq!(contents.serial_number.as_bytes().len(), 16);

    let public_key = contents.subject_public_key_info.to_der().expect("encode key");
    let public_key = VerifyingKey::from_public_key_der(&public_key).expect("a key of P-256");
    let private_key = p256::SecretKey::from_pkcs8_der(&made.private_key).expect("parse private key");
    assert_eq!(public_key, private_key.public_key().into());
    let signature = DerSignature::from_bytes(certificate.signature.raw_bytes()).expect("a signature");
    public_key.verify(&contents.to_der().expect("encode contents"), &signature).expect("verify signature");
}

#[test]
fn certificates_differ() {
    let make = || self_signed(SystemTime::now(), &mut OsRng).expect("make certificate").certificate;
    let [first, second] = [make(), make()].map(|der| Certificate::from_der(&der).expect("parse certificate"));
    assert_ne!(first.tbs_certificate.serial_number, second.tbs_certificate.serial_number);
    assert_ne!(first.tbs_certificate.subject_public_key_info, second.tbs_certificate.subject_public_key_info);
}

#[test]
fn a_certificate_past_2049_is_written_too() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_600_000_000);
    let made = self_signed(now, &mut OsRng).expect("make certificate");
    let certificate = Certificate::from_der(&made.certificate).expect("parse certificate");
    assert!(certificate.tbs_certificate.validity.not_after.to_system_time() > now);
}

#[test]
fn the_fingerprint_of_a_connection_is_its_certificates() {
    let now = std::time::Instant::now();
    let made = self_signed(SystemTime::now(), &mut OsRng).expect("make certificate");
    let mut rtc = str0m::RtcConfig::new()
        .set_crypto_provider(provider())
        .set_dtls_cert(DtlsCert { certificate: made.certificate.clone(), private_key: made.private_key })
        .build(now);
    let fingerprint = rtc.direct_api().local_dtls_fingerprint().clone();
    assert_eq!(fingerprint.hash_func, "sha-256");
    assert_eq!(fingerprint.bytes, provider().sha256_provider.sha256(&made.certificate));
}

#[test]
fn every_version_of_dtls_starts() {
    let provider = provider().dtls_provider;
    let certificate = provider.generate_certificate().expect("make certificate");
    for version in [DtlsVersion::Dtls12, DtlsVersion::Dtls13, DtlsVersion::Auto] {
        let mut dtls = provider
            .new_dtls(&certificate, std::time::Instant::now(), version, Some(1200))
            .expect("start DTLS");
        dtls.set_active(true);
        assert!(dtls.is_active());
    }
}
