//! Makes samples of what a text-to-speech server answers, whatever it says that it is: the first bytes tell WAV and MP3 from
//! raw PCM, and from what cannot be read. Where nothing is in front of the sound, the answer's headers tell its form.
//!
//! All of it goes by pieces, so that a sentence begins to be spoken before the last of it has come. Nothing is decoded beyond
//! the length that was allowed for.

mod form;
mod label;
mod mp3;
mod noise;
mod pcm;
mod rate;
mod resample;
mod sniff;
#[cfg(test)]
mod tests;
mod wav;

pub(super) use label::Label;
pub(super) use rate::Rate;

use form::{Form, to_sample};
use mp3::Mp3;
use pcm::Pcm;
use resample::Resampler;
use sniff::{Kind, Sniffed, sniff};
use wav::WavHeader;

/// Samples a second of what is made, mono.
pub(super) const SAMPLE_RATE: u32 = 24_000;

/// Decodes the sound of one answer.
pub(super) struct Decoder {
    /// What the raw form is where nothing is in front of it.
    raw: Form,
    /// Bytes that cannot be read yet.
    waiting: Vec<u8>,
    state: State,
    output: Output,
}

enum State {
    /// The kind of the sound is not known yet.
    Start,
    WavHeader(WavHeader),
    Pcm(Pcm),
    Mp3(Box<Mp3>),
}

impl Decoder {
    /// `most_samples` is the length beyond which the sound is refused.
    ///
    /// # Errors
    /// What the headers say cannot be sound.
    pub(super) fn new(label: &Label, usual_rate: u32, most_samples: usize) -> Result<Self, String> {
        let raw = label.raw_form(usual_rate)?;
        Ok(Self { raw, waiting: Vec::new(), state: State::Start, output: Output::new(most_samples) })
    }

    /// The samples that are whole now.
    ///
    /// # Errors
    /// What kind of sound it is instead, and what to do.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<i16>, String> {
        self.waiting.extend_from_slice(bytes);
        self.go_on(false)
    }

    /// What is left when no more comes.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn finish(&mut self) -> Result<Vec<i16>, String> {
        let mut samples = self.go_on(true)?;
        samples.extend(self.output.finish()?);
        Ok(samples)
    }

    /// Whether any sound has come.
    pub(super) fn has_begun(&self) -> bool {
        self.output.made > 0
    }

    fn go_on(&mut self, is_end: bool) -> Result<Vec<i16>, String> {
        let mut samples = Vec::new();
        loop {
            match &mut self.state {
                State::Start => {
                    self.state = match sniff(&self.waiting, is_end)? {
                        Sniffed::Unknown => return Ok(samples),
                        Sniffed::Kind(Kind::Wav) => State::WavHeader(WavHeader::default()),
                        Sniffed::Kind(Kind::Mp3) => State::Mp3(Box::default()),
                        Sniffed::Kind(Kind::Raw) => State::Pcm(Pcm::raw(self.raw)),
                    };
                }
                State::WavHeader(header) => match header.read(&mut self.waiting)? {
                    Some(pcm) => self.state = State::Pcm(pcm),
                    None => return Ok(samples),
                },
                State::Pcm(pcm) => {
                    let form = pcm.read(&mut self.waiting, is_end, &mut self.output.mono)?;
                    self.output.make(form.rate, &mut samples)?;
                    return Ok(samples);
                }
                State::Mp3(mp3) => {
                    while let Some(rate) = mp3.read_frame(&mut self.waiting, &mut self.output.mono)? {
                        self.output.make(rate, &mut samples)?;
                    }
                    return Ok(samples);
                }
            }
        }
    }
}

/// Brings one channel of any rate to [`SAMPLE_RATE`], and counts.
struct Output {
    /// What was decoded and not yet converted.
    mono: Vec<f32>,
    resampler: Option<Resampler>,
    made: usize,
    most: usize,
}

impl Output {
    fn new(most: usize) -> Self {
        Self { mono: Vec::new(), resampler: None, made: 0, most }
    }

    fn make(&mut self, rate: u32, samples: &mut Vec<i16>) -> Result<(), String> {
        let before = samples.len();
        if self.resampler.as_ref().is_some_and(|resampler| resampler.from() != rate) {
            samples.extend(self.resampler.take().map(Resampler::finish).transpose()?.unwrap_or_default());
        }
        if rate == SAMPLE_RATE {
            samples.extend(self.mono.drain(..).map(to_sample));
        } else {
            let resampler = match &mut self.resampler {
                Some(resampler) => resampler,
                None => self.resampler.insert(Resampler::new(rate, SAMPLE_RATE)?),
            };
            resampler.convert(&mut self.mono, samples)?;
        }
        self.count(samples.len() - before)
    }

    fn finish(&mut self) -> Result<Vec<i16>, String> {
        let rest = self.resampler.take().map(Resampler::finish).transpose()?.unwrap_or_default();
        self.count(rest.len())?;
        Ok(rest)
    }

    fn count(&mut self, samples: usize) -> Result<(), String> {
        self.made += samples;
        if self.made <= self.most {
            return Ok(());
        }
        let seconds = self.most / SAMPLE_RATE as usize;
        Err(format!(
            "it goes on for more than {seconds} s, which no such text takes to say; look at TTS_MODEL"
        ))
    }
}
