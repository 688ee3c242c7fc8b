//! STUN messages (RFC 8489), with what TURN adds (RFC 8656).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use hmac::{Hmac, Mac};
use sha1::Sha1;

const COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
const HEADER: usize = 20;
const ATTRIBUTE_HEADER: usize = 4;
const INTEGRITY: usize = 20;
const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;

pub(crate) type TransactionId = [u8; 12];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

pub(crate) mod method {
    pub(crate) const BINDING: u16 = 0x001;
    pub(crate) const ALLOCATE: u16 = 0x003;
    pub(crate) const REFRESH: u16 = 0x004;
    pub(crate) const DATA: u16 = 0x007;
    pub(crate) const CHANNEL_BIND: u16 = 0x009;
}

pub(crate) mod attribute {
    pub(crate) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(crate) const USERNAME: u16 = 0x0006;
    pub(crate) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(crate) const ERROR_CODE: u16 = 0x0009;
    pub(crate) const CHANNEL_NUMBER: u16 = 0x000c;
    pub(crate) const LIFETIME: u16 = 0x000d;
    pub(crate) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(crate) const DATA: u16 = 0x0013;
    pub(crate) const REALM: u16 = 0x0014;
    pub(crate) const NONCE: u16 = 0x0015;
    pub(crate) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub(crate) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub(crate) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(crate) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
}

/// A message whose attributes are known to lie within it.
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    pub(crate) class: Class,
    pub(crate) method: u16,
    pub(crate) transaction: TransactionId,
}

impl<'a> Message<'a> {
    /// `None` for what is no STUN message.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header: &[u8; HEADER] = bytes.first_chunk()?;
        let kind = u16::from_be_bytes([header[0], header[1]]);
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if kind >> 14 != 0 || header[4..8] != COOKIE || length % 4 != 0 || bytes.len() != HEADER + length {
            return None;
        }
        let class = match kind & 0x0110 {
            0x0000 => Class::Request,
            0x0010 => Class::Indication,
            0x0100 => Class::Success,
            _ => Class::Error,
        };
        // The class's two bits lie between those of the method.
        let method = (kind & 0x000f) | ((kind & 0x00e0) >> 1) | ((kind & 0x3e00) >> 2);
        let message = Self { bytes, class, method, transaction: *header.last_chunk()? };
        let end =
            message.attributes().map(|(_, value)| value.end.next_multiple_of(4)).last().unwrap_or(HEADER);
        (end == bytes.len()).then_some(message)
    }

    /// Attributes and where their values are, as far as they are well-formed.
    fn attributes(&self) -> impl Iterator<Item = (u16, Range<usize>)> + use<'a> {
        let bytes = self.bytes;
        let mut at = HEADER;
        std::iter::from_fn(move || {
            let header: &[u8; ATTRIBUTE_HEADER] = bytes.get(at..)?.first_chunk()?;
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let start = at + ATTRIBUTE_HEADER;
            let value = start..start + length;
            at = value.end.next_multiple_of(4);
            (at <= bytes.len()).then(|| (u16::from_be_bytes([header[0], header[1]]), value))
        })
    }

    /// Where the value of the first attribute of a kind is within the message.
    pub(crate) fn range(&self, kind: u16) -> Option<Range<usize>> {
        self.attributes().find(|(found, _)| *found == kind).map(|(_, value)| value)
    }

    pub(crate) fn value(&self, kind: u16) -> Option<&'a [u8]> {
        self.bytes.get(self.range(kind)?)
    }

    pub(crate) fn number(&self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.value(kind)?.try_into().ok()?))
    }

    /// An address that is hidden from meddling middle boxes by an exclusive or.
    pub(crate) fn xor_address(&self, kind: u16) -> Option<SocketAddr> {
        address(self.value(kind)?, &mask(&self.transaction))
    }

    /// The sender's address as the server saw it.
    pub(crate) fn mapped_address(&self) -> Option<SocketAddr> {
        let plain = || address(self.value(attribute::MAPPED_ADDRESS)?, &[0; 16]);
        self.xor_address(attribute::XOR_MAPPED_ADDRESS).or_else(plain)
    }

    /// Code and reason of a refusal.
    pub(crate) fn error(&self) -> Option<(u16, String)> {
        let [_, _, class, number, reason @ ..] = self.value(attribute::ERROR_CODE)? else { return None };
        let code = u16::from(class & 7) * 100 + u16::from(number % 100);
        Some((code, String::from_utf8_lossy(reason).into_owned()))
    }

    /// Whether the sender knew `key`.
    pub(crate) fn is_authentic(&self, key: &[u8]) -> bool {
        let Some(value) = self.range(attribute::MESSAGE_INTEGRITY) else { return false };
        let covered = value.start - ATTRIBUTE_HEADER;
        value.len() == INTEGRITY
            && integrity(&self.bytes[..covered], key)
                .is_some_and(|mac| mac.verify_slice(&self.bytes[value]).is_ok())
    }
}

/// Over a message up to its integrity attribute, as if it ended after that.
fn integrity(bytes: &[u8], key: &[u8]) -> Option<Hmac<Sha1>> {
    let length = u16::try_from(bytes.len() - HEADER + ATTRIBUTE_HEADER + INTEGRITY).ok()?;
    let mut mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    mac.update(&bytes[..2]);
    mac.update(&length.to_be_bytes());
    mac.update(&bytes[4..]);
    Some(mac)
}

fn mask(transaction: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE);
    mask[4..].copy_from_slice(transaction);
    mask
}

fn address(value: &[u8], mask: &[u8; 16]) -> Option<SocketAddr> {
    let [_, family, port @ ..] = value.first_chunk::<4>()?;
    let port = u16::from_be_bytes([port[0] ^ mask[0], port[1] ^ mask[1]]);
    let masked = |byte: (&u8, &u8)| byte.0 ^ byte.1;
    let octets: Vec<u8> = value[4..].iter().zip(mask).map(masked).collect();
    let ip = match (*family, value.len()) {
        (FAMILY_IPV4, 8) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
        (FAMILY_IPV6, 20) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Builds a STUN message, attribute by attribute.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    transaction: TransactionId,
}

impl Writer {
    pub(crate) fn new(class: Class, method: u16, transaction: TransactionId) -> Self {
        let class = match class {
            Class::Request => 0x0000,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        let kind = class | (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2);
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0; 2]);
        bytes.extend(COOKIE);
        bytes.extend(transaction);
        Self { bytes, transaction }
    }

    /// A value of at most 65,532 bytes; a longer one is cut.
    pub(crate) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let value = &value[..value.len().min(0xfffc)];
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend((value.len() as u16).to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn xor_address(&mut self, kind: u16, address: SocketAddr) -> &mut Self {
        let mask = mask(&self.transaction);
        let (family, mut octets) = match address.ip() {
            IpAddr::V4(address) => (FAMILY_IPV4, address.octets().to_vec()),
            IpAddr::V6(address) => (FAMILY_IPV6, address.octets().to_vec()),
        };
        octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
        let [high, low] = address.port().to_be_bytes();
        let mut value = vec![0, family, high ^ mask[0], low ^ mask[1]];
        value.append(&mut octets);
        self.attribute(kind, &value)
    }

    /// The message, signed when there is a key.
    pub(crate) fn finish(mut self, key: Option<&[u8]>) -> Vec<u8> {
        if let Some(mac) = key.and_then(|key| integrity(&self.bytes, key)) {
            self.attribute(attribute::MESSAGE_INTEGRITY, &mac.finalize().into_bytes());
        }
        let length = (self.bytes.len() - HEADER) as u16;
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sample request of RFC 5769, 2.1, which has a fingerprint after its integrity.
    #[test]
    fn a_sample_of_the_standard_is_read_and_authentic() {
        let hex = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
                   002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
                   000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let message = Message::parse(&bytes).expect("read message");
        assert_eq!((message.class, message.method), (Class::Request, method::BINDING));
        assert_eq!(message.value(attribute::USERNAME), Some(&b"evtj:h6vY"[..]));
        assert!(message.is_authentic(b"VOkJxbRl1RmTxUk/WvJxBt"));
        assert!(!message.is_authentic(b"another"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            head in prop::collection::vec(any::<u8>(), 0..4),
            attributes in prop::collection::vec((0u16..0x24, prop::collection::vec(any::<u8>(), 0..24)), 0..6),
            tail in prop::collection::vec(any::<u8>(), 0..80),
            cut in 0usize..40,
        ) {
            prop_assert!(Message::parse(&head).is_none());
            let mut writer = Writer::new(Class::Success, method::ALLOCATE, [3; 12]);
            for (kind, value) in &attributes {
                writer.attribute(*kind, value);
            }
            let mut bytes = writer.finish(None);
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            bytes.extend(&tail);
            if bytes.len() >= HEADER {
                // The length fits, whatever the attributes say.
                bytes.truncate(bytes.len() / 4 * 4);
                let length = (bytes.len() - HEADER) as u16;
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
            }
            if let Some(message) = Message::parse(&bytes) {
                message.error();
                message.mapped_address();
                message.xor_address(attribute::XOR_RELAYED_ADDRESS);
                message.number(attribute::LIFETIME);
                prop_assert!(!message.is_authentic(b"key"));
            }
        }

        #[test]
        fn what_is_written_is_read(
            transaction: TransactionId,
            ip: Option<[u8; 4]>,
            ip6: [u8; 16],
            port: u16,
            value in prop::collection::vec(any::<u8>(), 0..100),
            method in 0u16..0x1000,
        ) {
            let ip = ip.map_or(IpAddr::from(ip6), IpAddr::from);
            let address = SocketAddr::new(ip, port);
            let mut writer = Writer::new(Class::Error, method, transaction);
            writer.xor_address(attribute::XOR_PEER_ADDRESS, address).attribute(attribute::DATA, &value);
            let bytes = writer.finish(Some(b"key"));
            let message = Message::parse(&bytes).expect("read message");
            prop_assert_eq!((message.class, message.method), (Class::Error, method));
            prop_assert_eq!(message.transaction, transaction);
            prop_assert_eq!(message.xor_address(attribute::XOR_PEER_ADDRESS), Some(address));
            prop_assert_eq!(message.value(attribute::DATA), Some(&value[..]));
            prop_assert!(message.is_authentic(b"key"));
            prop_assert!(!message.is_authentic(b"other"));
        }
    }
}
