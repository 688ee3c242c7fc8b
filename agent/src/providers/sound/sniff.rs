//! What the first bytes of a sound say that it is.

use super::mp3::{self, FrameHeader};

/// Bytes that are looked at where a beginning looks like that of MP3: three frames of the longest.
const MP3_PROOF: usize = 3 * mp3::LONGEST_FRAME;
/// Bytes that the other beginnings have.
const BEGINNING: usize = 12;
/// Bytes in a row that are text and not sound.
const TEXT: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// More bytes are needed.
    Unknown,
    Kind(Kind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    Mp3,
    /// Samples, with nothing in front of them.
    Raw,
}

/// # Errors
/// The sound is of a kind that cannot be read.
pub(super) fn sniff(bytes: &[u8], is_end: bool) -> Result<Sniffed, String> {
    if bytes.len() < BEGINNING && !is_end {
        return Ok(Sniffed::Unknown);
    }
    if bytes.starts_with(b"RIFF") || bytes.starts_with(b"RF64") {
        return Ok(Sniffed::Kind(Kind::Wav));
    }
    if bytes.starts_with(b"ID3") {
        return Ok(Sniffed::Kind(Kind::Mp3));
    }
    if let Some(name) = compressed(bytes) {
        return Err(format!(
            "it is {name}, which cannot be read: set TTS_FORMAT to wav or pcm, or take a server that has one of them"
        ));
    }
    if is_text(bytes) {
        return Err("it is a text and no sound: look at TTS_BASE_URL".to_owned());
    }
    if FrameHeader::at(bytes).is_some() {
        // The first samples of a soft sound can look like one frame; they do not look like several, one behind the other.
        return Ok(match frames(bytes) {
            Frames::Several => Sniffed::Kind(Kind::Mp3),
            Frames::Broken => Sniffed::Kind(Kind::Raw),
            Frames::SoFar if is_end => Sniffed::Kind(Kind::Mp3),
            Frames::SoFar if bytes.len() < MP3_PROOF => Sniffed::Unknown,
            Frames::SoFar => Sniffed::Kind(Kind::Raw),
        });
    }
    Ok(Sniffed::Kind(Kind::Raw))
}

/// What begins like this is compressed, or a container of something.
fn compressed(bytes: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], &str); 10] = [
        (b"OggS", "Ogg"),
        (b"fLaC", "FLAC"),
        (b"\x1a\x45\xdf\xa3", "WebM"),
        (b"FORM", "AIFF"),
        (b".snd", "an AU file"),
        (b"caff", "a CAF file"),
        (b"#!AMR", "AMR"),
        (b"OpusHead", "Opus"),
        (b"RIFX", "a WAV file with its bytes the other way round"),
        (b"ADIF", "AAC"),
    ];
    let begins = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning));
    if let Some((_, name)) = begins {
        return Some(name);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some("an MP4 file");
    }
    is_adts(bytes).then_some("AAC")
}

/// Two frames of AAC in a row, as streams have it.
fn is_adts(bytes: &[u8]) -> bool {
    let length = |bytes: &[u8]| {
        let is_header = bytes.len() >= 7 && bytes[0] == 0xff && bytes[1] & 0xf6 == 0xf0;
        let length =
            || usize::from(bytes[3] & 3) << 11 | usize::from(bytes[4]) << 3 | usize::from(bytes[5] >> 5);
        is_header.then(length).filter(|length| *length > 7)
    };
    let second = length(bytes).and_then(|first| bytes.get(first..));
    second.is_some_and(|second| length(second).is_some())
}

/// An error or a page, whatever its label says.
fn is_text(bytes: &[u8]) -> bool {
    let begins = bytes.first().is_some_and(|first| b"{[<".contains(first));
    let shown = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    begins && bytes.len() >= BEGINNING && bytes.iter().take(TEXT).all(shown)
}

enum Frames {
    /// Three of them, each behind the one before.
    Several,
    /// All that is there.
    SoFar,
    Broken,
}

fn frames(bytes: &[u8]) -> Frames {
    let mut position = 0;
    for _ in 0..3 {
        let Some(rest) = bytes.get(position..).filter(|rest| rest.len() >= 4) else { return Frames::SoFar };
        let Some(header) = FrameHeader::at(rest) else { return Frames::Broken };
        position += header.length;
    }
    Frames::Several
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        for (bytes, name) in [
            (&b"OggS\0\x02\0\0\0\0\0\0\0\0"[..], "Ogg"),
            (b"fLaC\0\0\0\x22\0\0\0\0\0\0", "FLAC"),
            (b"\0\0\0\x20ftypM4A \0\0", "MP4"),
            (b"\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0\0", "WebM"),
            (b"{\"error\": {\"message\": \"no\"}}", "text"),
            (b"<!DOCTYPE html><html><head>", "text"),
        ] {
            assert!(sniff(bytes, false).unwrap_err().contains(name), "{name}");
        }
        // A frame of 20 bytes, and the next one behind it.
        let mut aac = vec![0xff, 0xf1, 0x4c, 0x40, 0x02, 0x80, 0xfc];
        aac.resize(20, 7);
        aac.extend(aac.clone());
        assert!(sniff(&aac, false).unwrap_err().contains("AAC"));
    }

    #[test]
    fn samples_that_look_like_a_frame_are_samples() {
        // -1,025 is FF FB.
        let samples: Vec<u8> =
            [-1_025_i16, 64, -1_030, 70].iter().cycle().take(4_000).flat_map(|s| s.to_le_bytes()).collect();
        assert!(FrameHeader::at(&samples).is_some() || FrameHeader::at(&[0xff, 0xfb, 0x90, 0x64]).is_some());
        assert_eq!(sniff(&samples, false), Ok(Sniffed::Kind(Kind::Raw)));
        assert_eq!(sniff(&[0; 11], false), Ok(Sniffed::Unknown));
        assert_eq!(sniff(&[0; 11], true), Ok(Sniffed::Kind(Kind::Raw)));
        assert_eq!(sniff(&[], true), Ok(Sniffed::Kind(Kind::Raw)));
    }
}
