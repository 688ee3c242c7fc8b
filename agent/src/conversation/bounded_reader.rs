//! What a demuxer reads a stranger's file through. Its elements say where to go on, so it can be led in circles.

use std::io::{Cursor, Error, Read, Result, Seek, SeekFrom};

/// Most steps, each of which is one read or one move. A block takes 22 of them; a minute of blocks of 2.5 ms, which are the
/// shortest, half a million, and the longest recording of ordinary ones as many.
const MOST_STEPS: usize = 2_000_000;
/// How often the file's bytes may be read: an honest file's are read once or twice.
const MOST_PASSES: usize = 4;

/// A file in memory that can be read and searched so much and no more; after that, it answers with errors.
pub(super) struct BoundedReader {
    file: Cursor<Vec<u8>>,
    steps_left: usize,
    bytes_left: usize,
}

impl BoundedReader {
    pub(super) fn new(file: Vec<u8>) -> Self {
        let bytes_left = MOST_PASSES.saturating_mul(file.len());
        Self { file: Cursor::new(file), steps_left: MOST_STEPS, bytes_left }
    }

    fn take(&mut self, bytes: usize) -> Result<()> {
        let left = (self.steps_left.checked_sub(1), self.bytes_left.checked_sub(bytes));
        let (Some(steps), Some(bytes)) = left else {
            return Err(Error::other("read too often"));
        };
        (self.steps_left, self.bytes_left) = (steps, bytes);
        Ok(())
    }
}

impl Read for BoundedReader {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.take(into.len())?;
        self.file.read(into)
    }
}

impl Seek for BoundedReader {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.take(0)?;
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_after_so_many_steps_or_bytes() {
        let mut reader = BoundedReader::new(vec![0; 100]);
        assert!((0..).any(|_| reader.rewind().is_err()));
        let mut reader = BoundedReader::new(vec![0; 100]);
        let mut all = [0; 100];
        let passes =
            (0..10).take_while(|_| reader.rewind().and_then(|()| reader.read_exact(&mut all)).is_ok());
        assert_eq!(passes.count(), MOST_PASSES);
        assert!(reader.read_exact(&mut all[..1]).is_err());
    }
}
