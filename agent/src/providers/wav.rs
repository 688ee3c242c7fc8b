//! 16 bit mono sound, with and without the header of a WAV file.

/// Most bytes before the sound of a WAV file begins.
const HEADER_LIMIT: usize = 64 * 1024;
/// Sizes of a chunk from here on stand for one that is still being written.
const UNKNOWN_SIZE: u32 = 0x7fff_0000;

/// A WAV file of these samples.
pub(super) fn encode(samples: &[i16], sample_rate: u32) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut wav = Vec::with_capacity(44 + samples.len() * 2);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&bytes.saturating_add(36).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&sample_rate.to_le_bytes());
    wav.extend_from_slice(&(sample_rate * 2).to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    wav
}

/// Makes samples of bytes that come in pieces of any length, behind a WAV header or without one.
pub(super) struct Reader {
    sample_rate: u32,
    /// Bytes that cannot be read yet.
    waiting: Vec<u8>,
    state: State,
}

enum State {
    /// Nothing is known.
    Start,
    /// It is a WAV file: the place of the next chunk's header, and whether the form fits.
    Header { place: usize, fits: bool },
    /// Sound of at most so many bytes.
    Sound { left: Option<usize> },
}

impl Reader {
    /// Takes no other rate than this, in samples a second.
    pub(super) fn new(sample_rate: u32) -> Self {
        Self { sample_rate, waiting: Vec::new(), state: State::Start }
    }

    /// The samples that are whole now.
    ///
    /// # Errors
    /// What kind of sound it is instead.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<i16>, String> {
        self.waiting.extend_from_slice(bytes);
        loop {
            match self.state {
                State::Start => {
                    let Some(first) = self.waiting.first_chunk::<4>() else { return Ok(Vec::new()) };
                    self.state = match first {
                        b"RIFF" => State::Header { place: 12, fits: false },
                        b"OggS" | b"fLaC" | [b'I', b'D', b'3', _] => {
                            return Err("it is compressed, and wanted is PCM".to_owned());
                        }
                        _ => State::Sound { left: None },
                    };
                }
                State::Header { place, fits } => match self.read_header(place, fits)? {
                    Some(state) => self.state = state,
                    None => return Ok(Vec::new()),
                },
                State::Sound { ref mut left } => {
                    let usable = left.map_or(self.waiting.len(), |left| left.min(self.waiting.len())) / 2 * 2;
                    if let Some(left) = left {
                        *left -= usable;
                    }
                    let samples = self.waiting[..usable]
                        .chunks_exact(2)
                        .map(|sample| i16::from_le_bytes([sample[0], sample[1]]))
                        .collect();
                    self.waiting.drain(..usable);
                    return Ok(samples);
                }
            }
        }
    }

    /// Whether the sound itself has begun.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.state, State::Sound { .. })
    }

    /// What comes after the chunk at this place; nothing where its header is not whole yet.
    fn read_header(&mut self, place: usize, fits: bool) -> Result<Option<State>, String> {
        if self.waiting.get(8..12).is_some_and(|kind| kind != b"WAVE") {
            return Err("it is a RIFF file without sound".to_owned());
        }
        if place > HEADER_LIMIT {
            return Err("its header does not end".to_owned());
        }
        let Some(header) = self.waiting.get(place..place + 8) else { return Ok(None) };
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        let body = place + 8;
        if &header[..4] == b"data" {
            if !fits {
                return Err("it does not say its form before the sound".to_owned());
            }
            self.waiting.drain(..body);
            let known = size != 0 && size < UNKNOWN_SIZE;
            return Ok(Some(State::Sound { left: known.then_some(size as usize) }));
        }
        let mut fits = fits;
        if &header[..4] == b"fmt " {
            let Some(form) = self.waiting.get(body..body + 16) else { return Ok(None) };
            check(form, self.sample_rate)?;
            fits = true;
        }
        // Chunks begin at even places.
        let length = (size as usize).saturating_add(size as usize % 2);
        Ok(Some(State::Header { place: body.saturating_add(length), fits }))
    }
}

fn check(form: &[u8], wanted_rate: u32) -> Result<(), String> {
    let short = |place: usize| u16::from_le_bytes([form[place], form[place + 1]]);
    let rate = u32::from_le_bytes([form[4], form[5], form[6], form[7]]);
    let (format, channels, bits) = (short(0), short(2), short(14));
    // 0xFFFE says that more follows; with 16 bits that is PCM too.
    if ![1, 0xfffe].contains(&format) || channels != 1 || bits != 16 || rate != wanted_rate {
        return Err(format!(
            "it has {rate} samples a second, {channels} channels and {bits} bits, and wanted are {wanted_rate}, 1 and 16"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<i16>, String> {
        let mut reader = Reader::new(24_000);
        let mut samples = Vec::new();
        for piece in pieces {
            samples.extend(reader.read(piece)?);
        }
        Ok(samples)
    }

    #[test]
    fn another_rate_and_compressed_sound_are_refused() {
        let message = read(&[&encode(&[1, 2], 16_000)]).unwrap_err();
        assert!(message.contains("16000 samples a second") && message.contains("24000"), "{message}");
        assert!(read(&[b"ID3\x04 an mp3"]).unwrap_err().contains("compressed"));
        assert!(read(&[b"RIFF\0\0\0\0AVI LIST"]).is_err());
        assert!(read(&[b"RIFF\0\0\0\0WAVEdata\0\0\0\0\x01\0"]).is_err());
    }

    #[test]
    fn other_chunks_are_passed_over_and_sizes_of_streams_are_unknown() {
        let mut wav = encode(&[1, -2, 3], 24_000);
        wav.splice(12..12, *b"LIST\x03\0\0\0abc\0");
        assert_eq!(read(&[&wav]), Ok(vec![1, -2, 3]));
        wav.extend(b"LIST\x02\0\0\0ab");
        assert_eq!(read(&[&wav]), Ok(vec![1, -2, 3]));
        for size in [0, u32::MAX] {
            let mut streamed = encode(&[7, 8], 24_000);
            streamed[40..44].copy_from_slice(&size.to_le_bytes());
            assert_eq!(read(&[&streamed]), Ok(vec![7, 8]));
        }
    }

    proptest! {
        #[test]
        fn where_the_pieces_end_changes_nothing(
            samples in prop::collection::vec(any::<i16>(), 2..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
            header: bool,
        ) {
            let whole = encode(&samples, 24_000);
            let bytes = if header { &whole[..] } else { &whole[44..] };
            let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let pieces: Vec<_> = places.windows(2).map(|place| &bytes[place[0]..place[1]]).collect();
            // Samples that spell the beginning of another format are not sound.
            prop_assume!(header || ![&b"RIFF"[..], b"OggS", b"fLaC"].contains(&&bytes[..4]) && !bytes.starts_with(b"ID3"));
            prop_assert_eq!(read(&pieces), Ok(samples));
        }
    }
}
