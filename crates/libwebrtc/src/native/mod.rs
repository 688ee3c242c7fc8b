//! Items that exist on native platforms only.

pub mod frame_cryptor;
pub mod packet_trailer;

/// A random (version 4) UUID.
pub fn create_random_uuid() -> String {
    let random: u128 = rand::random();
    let uuid = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{uuid:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_random_uuid_says_its_version_and_variant() {
        let uuid = super::create_random_uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
        assert_ne!(uuid, super::create_random_uuid());
    }
}
