//! Sound: what callers say, made by voices that are not the agent's.

use std::path::Path;
use std::process::Command;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use tempfile::Builder;

/// Quieter than this is silence, of 32,768.
const AUDIBLE: i16 = 300;

/// Mono, 16 bit.
#[derive(Debug, Clone)]
pub(super) struct Sound {
    pub(super) rate: u32,
    pub(super) samples: Vec<i16>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Voice {
    /// Flite's, which are made of recordings.
    Flite(&'static str),
    /// English as a German synthesiser reads it, with pink noise.
    German,
}

impl Voice {
    /// The parts, with so many seconds of silence between two of them. What goes on sounds as if it did: there is a comma.
    pub(super) fn says(self, parts: &[&str], pauses: &[f64]) -> Sound {
        let mut all: Option<Sound> = None;
        for (index, part) in parts.iter().enumerate() {
            let goes_on = index + 1 < parts.len();
            let text = if goes_on { format!("{part},") } else { (*part).to_owned() };
            let spoken = self.speaks(&text).trimmed();
            let all = all.get_or_insert_with(|| Sound { rate: spoken.rate, samples: Vec::new() });
            all.samples.extend(spoken.samples);
            if let Some(pause) = pauses.get(index).filter(|_| goes_on) {
                all.add_silence(*pause);
            }
        }
        let sound = all.expect("something to say");
        if matches!(self, Self::German) { sound.with_pink_noise() } else { sound }
    }

    fn speaks(self, text: &str) -> Sound {
        let file = Builder::new().suffix(".wav").tempfile().expect("a temporary file");
        let mut command = match self {
            Self::Flite(voice) => {
                let mut flite = Command::new("flite");
                flite.args(["-voice", voice, "-t", text, "-o"]);
                flite
            }
            Self::German => {
                let mut espeak = Command::new("espeak-ng");
                espeak.args(["-v", "de", "-s", "140", text, "-w"]);
                espeak
            }
        };
        assert!(command.arg(file.path()).status().expect("start a voice").success());
        Sound::read(file.path())
    }
}

impl Sound {
    pub(super) fn read(file: &Path) -> Self {
        let reader = WavReader::open(file).expect("read a sound");
        let rate = reader.spec().sample_rate;
        Self { rate, samples: reader.into_samples().map(|sample| sample.expect("a sample")).collect() }
    }

    pub(super) fn write(&self, file: &Path) {
        let sample_format = SampleFormat::Int;
        let form = WavSpec { channels: 1, sample_rate: self.rate, bits_per_sample: 16, sample_format };
        let mut writer = WavWriter::create(file, form).expect("write a sound");
        self.samples.iter().for_each(|sample| writer.write_sample(*sample).expect("write a sample"));
        writer.finalize().expect("write a sound");
    }

    pub(super) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    /// Between two moments, seconds; what is outside the sound is left out.
    pub(super) fn part(&self, from: f64, to: f64) -> Self {
        let place = |second: f64| ((second.max(0.0) * f64::from(self.rate)) as usize).min(self.samples.len());
        let (from, to) = (place(from), place(to));
        Self { rate: self.rate, samples: self.samples[from..to.max(from)].to_vec() }
    }

    /// Four who talk all the time, so many decibels below `reference`.
    pub(super) fn babble(decibels: f64, reference: &Self) -> Self {
        let texts = [
            ("rms", "I was at the market this morning and bought some apples, and then it began to rain"),
            ("awb", "The train was late again, so we waited for an hour, and nobody told us anything"),
            ("slt", "My sister has a new garden, and she wants to plant tomatoes there, and a cherry tree"),
            ("kal16", "They will paint the house in summer, and the fence as well, if there is time for it"),
        ];
        let voices = texts.map(|(voice, text)| Voice::Flite(voice).says(&[text], &[]));
        Self::murmur(&voices, decibels, reference)
    }

    /// Several voices at once, each as often as the longest lasts, so many decibels below `reference`.
    fn murmur(voices: &[Self], decibels: f64, reference: &Self) -> Self {
        let longest = voices.iter().map(|voice| voice.samples.len()).max().unwrap_or_default();
        let mut sums = vec![0.0; longest];
        for voice in voices {
            let again = voice.samples.iter().cycle();
            sums.iter_mut().zip(again).for_each(|(sum, sample)| *sum += f64::from(*sample));
        }
        let loudness = |samples: &[f64]| {
            let squares: f64 = samples.iter().map(|sample| sample * sample).sum();
            (squares / samples.len().max(1) as f64).sqrt()
        };
        let of_reference: Vec<f64> = reference.samples.iter().map(|sample| f64::from(*sample)).collect();
        let wanted = loudness(&of_reference) * 10_f64.powf(-decibels / 20.0);
        let factor = wanted / loudness(&sums).max(1.0);
        Self { rate: reference.rate, samples: sums.iter().map(|sum| (sum * factor) as i16).collect() }
    }

    fn add_silence(&mut self, seconds: f64) {
        let count = (seconds * f64::from(self.rate)) as usize;
        self.samples.extend(std::iter::repeat_n(0, count));
    }

    /// Without the silence around it.
    fn trimmed(mut self) -> Self {
        let is_loud = |sample: &i16| sample.unsigned_abs() > AUDIBLE.unsigned_abs();
        let (first, last) = (self.samples.iter().position(is_loud), self.samples.iter().rposition(is_loud));
        let (first, last) = (first.expect("a voice"), last.expect("a voice"));
        self.samples = self.samples[first..=last].to_vec();
        self
    }

    fn with_pink_noise(mut self) -> Self {
        let file = Builder::new().suffix(".wav").tempfile().expect("a temporary file");
        let (rate, seconds) = (self.rate.to_string(), self.seconds().to_string());
        let mut sox = Command::new("sox");
        sox.args(["-R", "-n", "-r", &rate, "-c", "1", "-b", "16"]).arg(file.path());
        sox.args(["synth", &seconds, "pinknoise", "gain", "-30"]);
        assert!(sox.status().expect("start sox").success());
        let noise = Self::read(file.path());
        self.samples
            .iter_mut()
            .zip(noise.samples)
            .for_each(|(sample, noise)| *sample = sample.saturating_add(noise));
        self
    }
}
