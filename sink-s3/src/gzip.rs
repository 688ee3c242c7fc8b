//! Gzip whose bytes are the same for the same payload, whenever it is compressed.

use std::cell::RefCell;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// A gzip header (RFC 1952) without a time and a system, so that the same bytes always compress to the same bytes.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

thread_local! {
    /// Its tables are large, so each thread keeps one; and so it does with the room that it writes to, or each file would
    /// take what it could need at most.
    static DEFLATE: RefCell<(Compress, Vec<u8>)> =
        RefCell::new((Compress::new(Compression::new(6), false), Vec::new()));
}

/// A gzip file with these bytes; the same for the same bytes.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(bytes);
    let sum = crc.sum().to_le_bytes();
    let length = crc.amount().to_le_bytes();
    DEFLATE.with_borrow_mut(|(deflate, deflated)| {
        deflate.reset();
        deflated.clear();
        loop {
            // Never more than the input's length, which `as` cannot cut on a 64-bit machine.
            let consumed = deflate.total_in() as usize;
            deflated.reserve((bytes.len() - consumed) / 2 + 64);
            match deflate.compress_vec(&bytes[consumed..], deflated, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => break,
                // It wants more room.
                Ok(Status::Ok | Status::BufError) => {}
                Err(error) => unreachable!("deflate without a dictionary has no error: {error}"),
            }
        }
        [&HEADER[..], deflated, &sum, &length].concat()
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn gunzip(file: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn large_bytes_come_back_whether_they_compress_or_not() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(3_000_000)
        .collect();
        for bytes in [noise, vec![b' '; 3_000_000]] {
            assert!(gunzip(&gzip(&bytes)) == bytes);
        }
    }

    #[test]
    fn the_same_bytes_make_the_same_file() {
        let payload = br#"{"session_id":"r"}"#;
        let first = gzip(payload);
        gzip(b"something else in between");
        assert_eq!(gzip(payload), first);
    }

    proptest! {
        #[test]
        fn all_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert_eq!(gunzip(&gzip(&bytes)), bytes);
        }
    }
}
