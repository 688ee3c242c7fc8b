//! Text to speech by espeak-ng, in a process for each text.

use std::io::ErrorKind;
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout, Command};

use super::audio::Resampler;

/// Words a minute at speed 1.
const WORDS_PER_MINUTE: f64 = 165.0;
/// OpenAI's voices, and espeak-ng's that stand for them.
pub(crate) const OPENAI_VOICES: [(&str, &str); 13] = [
    ("alloy", "en-us"),
    ("ash", "en-us+m2"),
    ("ballad", "en-gb"),
    ("cedar", "en-us+m4"),
    ("coral", "en-us+f1"),
    ("echo", "en-us+m3"),
    ("fable", "en-gb-scotland"),
    ("marin", "en-us+f5"),
    ("nova", "en-us+f2"),
    ("onyx", "en-us+m7"),
    ("sage", "en-us+f3"),
    ("shimmer", "en-us+f4"),
    ("verse", "en-us+m1"),
];

/// espeak-ng's voices of languages, by the first part of a language tag.
const LANGUAGES: [(&str, &str); 3] = [("de", "de"), ("es", "es"), ("fr", "fr-fr")];

/// The voice that stands for one of the gateway's: its name where it is OpenAI's, else that of the language.
pub(crate) fn voice_of(name: Option<&str>, language: Option<&str>) -> &'static str {
    let language = language.and_then(|language| language.split('-').next());
    let named = OPENAI_VOICES.iter().find(|(voice, _)| Some(*voice) == name);
    let native = LANGUAGES.iter().find(|(tag, _)| Some(*tag) == language);
    named.or(native).unwrap_or(&OPENAI_VOICES[0]).1
}

/// A voice in the middle of a text. Dropping it ends its process.
pub(crate) struct Speaking {
    child: Child,
    output: ChildStdout,
    /// `None` when the last sample has been spoken.
    resampler: Option<Resampler>,
    /// The first byte of a sample whose second one has not come yet.
    odd: Option<u8>,
}

impl Speaking {
    /// `voice` is one of espeak-ng's, and `rate` that of the samples that are wanted, Hz.
    pub(crate) async fn start(voice: &str, speed: f64, text: &str, rate: u32) -> anyhow::Result<Self> {
        let words_per_minute = (WORDS_PER_MINUTE * speed).round() as u32;
        let mut child = Command::new("espeak-ng")
            .args(["--stdin", "--stdout", "-v", voice, "-s"])
            .arg(words_per_minute.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start espeak-ng: run deploy/dev/install.sh system first")?;
        let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("espeak-ng has no pipes");
        };
        input.write_all(text.as_bytes()).await.context("write to espeak-ng")?;
        drop(input);
        let mut header = [0; 44];
        output.read_exact(&mut header).await.context("read espeak-ng's header")?;
        let spoken_rate = u32::from_le_bytes([header[24], header[25], header[26], header[27]]);
        let resampler = Resampler::new(spoken_rate, rate).context("convert espeak-ng's sound")?;
        Ok(Self { child, output, resampler: Some(resampler), odd: None })
    }

    /// The samples that there are by now; `None` behind the last one.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Vec<i16>>> {
        let mut buffer = [0; 4_096];
        while let Some(resampler) = &mut self.resampler {
            let odd = usize::from(self.odd.is_some());
            buffer[0] = self.odd.take().unwrap_or_default();
            let read = match self.output.read(&mut buffer[odd..]).await {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.context("read espeak-ng's sound")?,
            };
            let (samples, rest) = buffer[..odd + read].as_chunks::<2>();
            self.odd = rest.first().copied();
            let samples: Vec<i16> = samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
            let mut sound = resampler.convert(&samples)?;
            if read == 0 {
                let status = self.child.wait().await.context("wait for espeak-ng")?;
                anyhow::ensure!(status.success(), "espeak-ng ended with {status}");
                sound.extend(self.resampler.take().map(Resampler::finish).transpose()?.unwrap_or_default());
            }
            if !sound.is_empty() {
                return Ok(Some(sound));
            }
        }
        Ok(None)
    }
}
