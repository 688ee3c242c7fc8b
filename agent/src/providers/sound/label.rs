//! What the headers of an answer say of its sound.

use reqwest::header::{CONTENT_TYPE, HeaderMap};

use super::form::{Encoding, Form};

/// Headers with the rate and the number of channels, by those who send raw sound.
const RATE_HEADERS: [&str; 5] =
    ["x-sample-rate", "x-audio-sample-rate", "x-audio-rate", "x-samplerate", "sample-rate"];
const CHANNELS_HEADERS: [&str; 4] = ["x-channels", "x-audio-channels", "x-num-channels", "channels"];
const BITS_HEADERS: [&str; 4] =
    ["x-bits-per-sample", "x-bit-depth", "x-audio-bit-depth", "x-sample-width-bits"];

/// What the headers of an answer say; nothing of it is believed against the sound's first bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Label {
    /// Such as `audio/pcm`, in lower case; empty where there is none.
    kind: String,
    encoding: Option<Encoding>,
    rate: Option<u32>,
    channels: Option<u16>,
}

impl Label {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = text(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
        let mut parts = content_type.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_owned();
        let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
        let parameter = |names: &[&str]| {
            let found = parameters.iter().find(|(name, _)| names.contains(&name.trim()));
            found.map(|(_, value)| value.trim().trim_matches('"'))
        };
        let header = |names: &[&str]| names.iter().find_map(|name| text(name));
        let rate = parameter(&["rate", "samplerate", "sample_rate", "sample-rate"]);
        let channels = parameter(&["channels"]).or_else(|| header(&CHANNELS_HEADERS));
        let bits = parameter(&["bits", "bitdepth", "bits_per_sample"]).or_else(|| header(&BITS_HEADERS));
        let coding = parameter(&["encoding", "codec", "codecs", "format"]).unwrap_or_default();
        Self {
            encoding: encoding(&kind, coding, bits.map(number)),
            rate: rate.or_else(|| header(&RATE_HEADERS)).map(number).or_else(|| usual_rate(&kind)),
            channels: channels.map(|channels| u16::try_from(number(channels)).unwrap_or(u16::MAX)),
            kind,
        }
    }

    /// The answer is a page, or an error.
    pub(crate) fn is_text(&self) -> bool {
        self.kind.starts_with("text/") || self.kind.ends_with("/json") || self.kind.ends_with("+json")
    }

    /// What raw sound has for a form.
    pub(super) fn raw_form(&self, usual_rate: u32) -> Result<Form, String> {
        let form = Form {
            rate: self.rate.unwrap_or(usual_rate),
            channels: self.channels.unwrap_or(1),
            encoding: self.encoding.unwrap_or(Encoding::Signed16),
        };
        form.checked()
    }
}

/// The number that a text begins with; 0, which nothing has, where it begins with none.
fn number(text: &str) -> u32 {
    let digits = text.trim().split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

fn encoding(kind: &str, coding: &str, bits: Option<u32>) -> Option<Encoding> {
    let is = |names: &[&str]| names.iter().any(|name| kind.contains(name) || coding.contains(name));
    if is(&["mulaw", "mu-law", "pcmu", "ulaw", "audio/basic"]) {
        return Some(Encoding::MuLaw);
    }
    if is(&["alaw", "a-law", "pcma"]) {
        return Some(Encoding::ALaw);
    }
    if is(&["f64"]) || is(&["float"]) && bits == Some(64) {
        return Some(Encoding::Float64);
    }
    if is(&["f32", "float"]) {
        return Some(Encoding::Float32);
    }
    if is(&["s16be"]) {
        return Some(Encoding::Signed16BigEndian);
    }
    if is(&["s16"]) {
        return Some(Encoding::Signed16);
    }
    if is(&["audio/l16"]) {
        return Some(Encoding::Signed16Either);
    }
    if is(&["s24"]) {
        return Some(Encoding::Signed24);
    }
    if is(&["s32"]) {
        return Some(Encoding::Signed32);
    }
    match bits? {
        8 => Some(Encoding::Unsigned8),
        24 => Some(Encoding::Signed24),
        32 => Some(Encoding::Signed32),
        _ => None,
    }
}

/// Types that stand for a rate.
fn usual_rate(kind: &str) -> Option<u32> {
    ["audio/basic", "audio/pcmu", "audio/pcma"].contains(&kind).then_some(8_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(headers: &[(&'static str, &str)]) -> Result<(u32, u16, Encoding), String> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let form = Label::of(&headers.collect()).raw_form(24_000)?;
        Ok((form.rate, form.channels, form.encoding))
    }

    #[test]
    fn headers_tell_the_form_of_raw_sound() {
        use Encoding::{Float32, MuLaw, Signed16, Signed16Either};
        for (content_type, expected) in [
            ("audio/pcm", (24_000, 1, Signed16)),
            ("audio/mpeg", (24_000, 1, Signed16)),
            ("Audio/PCM;Rate=22050", (22_050, 1, Signed16)),
            ("audio/pcm; rate=\"16000\"; channels=2", (16_000, 2, Signed16)),
            ("audio/L16;rate=16000", (16_000, 1, Signed16Either)),
            ("audio/L16;codec=pcm_s16le;rate=44100", (44_100, 1, Signed16)),
            ("audio/pcm_f32le;rate=48000", (48_000, 1, Float32)),
            ("audio/pcm;encoding=float;bits=32", (24_000, 1, Float32)),
            ("audio/basic", (8_000, 1, MuLaw)),
        ] {
            assert_eq!(form(&[("content-type", content_type)]), Ok(expected), "{content_type}");
        }
        let piper = [("content-type", "audio/pcm_s16le"), ("x-sample-rate", "22050"), ("x-channels", "1")];
        assert_eq!(form(&piper), Ok((22_050, 1, Signed16)));
        assert_eq!(form(&[]), Ok((24_000, 1, Signed16)));
    }

    #[test]
    fn forms_that_nothing_has_are_refused() {
        for rate in ["1", "4000000000", "99999999999", "0", "-1", "fast"] {
            let error = form(&[("x-sample-rate", rate)]).unwrap_err();
            assert!(error.contains("samples a second"), "{rate}: {error}");
        }
        for channels in ["0", "9", "70000"] {
            assert!(form(&[("x-channels", channels)]).unwrap_err().contains("channels"), "{channels}");
        }
    }

    #[test]
    fn pages_are_no_sound() {
        let is_text = |kind: &str| {
            Label::of(&[("content-type".parse().unwrap(), kind.parse().unwrap())].into_iter().collect())
                .is_text()
        };
        assert!(
            ["text/html; charset=utf-8", "application/json", "application/problem+json"]
                .map(is_text)
                .iter()
                .all(|is| *is)
        );
        assert!(!["", "audio/mpeg", "application/octet-stream"].map(is_text).iter().any(|is| *is));
    }
}
