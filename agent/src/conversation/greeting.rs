use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use livekit::webrtc::audio_frame::AudioFrame;
use livekit::webrtc::audio_source::native::NativeAudioSource;
use schemas::{Role, TranscriptEntry};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{CHANNELS, SAMPLE_RATE};
use crate::spool::Journal;

/// What the recording says.
const TEXT: &str = "Hello! Thanks for trying PandaDoc. How can I help you today?";
/// Recorded as `assets/README.md` says: 24 kHz, mono, 16 bit.
const RECORDING: &[u8] = include_bytes!("../../assets/greeting.wav");
/// Samples captured at a time: 10 ms.
const FRAME_SAMPLES: usize = SAMPLE_RATE as usize / 100;

/// Speaks the greeting, to its end or until it is told to hang up, and writes down what was said.
pub(super) async fn say(
    voice: &NativeAudioSource,
    journal: &Journal,
    hang_up: &CancellationToken,
) -> anyhow::Result<()> {
    let samples = pcm(RECORDING).context("read the recorded greeting")?;
    let start_time = Utc::now();
    let mut spoken = 0;
    for frame in samples.chunks(FRAME_SAMPLES) {
        let captured = AudioFrame {
            data: frame.into(),
            sample_rate: SAMPLE_RATE,
            num_channels: CHANNELS,
            samples_per_channel: frame.len() as u32,
        };
        tokio::select! {
            result = voice.capture_frame(&captured) => result.context("speak the greeting")?,
            () = hang_up.cancelled() => break,
        }
        spoken += frame.len();
    }
    let spoken_seconds = spoken as f64 / f64::from(SAMPLE_RATE);
    // What is captured is queued: the sound ends later than the last frame is taken.
    let ends_in = start_time + Duration::from_secs_f64(spoken_seconds) - Utc::now();
    tokio::select! {
        () = sleep(ends_in.to_std().unwrap_or_default()) => {}
        () = hang_up.cancelled() => {}
    }
    let entry = TranscriptEntry {
        role: Role::Agent,
        text: part_of(TEXT, spoken as f64 / samples.len() as f64).to_owned(),
        start_time,
        end_time: Utc::now(),
        interrupted: spoken < samples.len(),
    };
    journal.update(|session| {
        session.metrics_summary.tts_characters_count += entry.text.chars().count() as u64;
        session.metrics_summary.tts_audio_duration += spoken_seconds;
        session.metrics_summary.audio_published_seconds += spoken_seconds;
        session.transcript.get_or_insert_default().push(entry);
    });
    Ok(())
}

/// The whole words of a text up to a share of it, 0 to 1.
fn part_of(text: &str, share: f64) -> &str {
    if share >= 1.0 {
        return text;
    }
    let end = (text.len() as f64 * share) as usize;
    let words = text.match_indices(' ').map(|(index, _)| index).take_while(|index| *index <= end);
    &text[..words.last().unwrap_or(0)]
}

/// The samples of a WAV file in the form that is spoken here; any other form is refused.
fn pcm(wav: &[u8]) -> anyhow::Result<Vec<i16>> {
    let mut rest = wav.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)).context("it is no RIFF file")?;
    rest = rest.strip_prefix(b"WAVE").context("it is no WAV file")?;
    let mut format_fits = false;
    while let Some((header, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let chunk = body.get(..length).context("a chunk is cut short")?;
        match &header[..4] {
            b"fmt " => format_fits = chunk.get(..16) == Some(&form()[..]),
            b"data" if format_fits => {
                return Ok(chunk
                    .chunks_exact(2)
                    .map(|sample| i16::from_le_bytes([sample[0], sample[1]]))
                    .collect());
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = body.get(length + length % 2..).unwrap_or_default();
    }
    anyhow::bail!("it is not 24 kHz, mono, 16 bit")
}

/// A WAV format chunk: PCM, mono, 24 kHz, bytes a second, bytes a sample, bits a sample.
fn form() -> Vec<u8> {
    let (rate, bytes_a_second) = (SAMPLE_RATE.to_le_bytes(), (SAMPLE_RATE * 2).to_le_bytes());
    [&[1, 0, 1, 0][..], &rate, &bytes_a_second, &[2, 0, 16, 0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recording_is_speech_of_some_seconds() {
        let samples = pcm(RECORDING).unwrap();
        let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
        assert!((2.0..8.0).contains(&seconds), "{seconds}");
        assert!(samples.iter().any(|sample| sample.unsigned_abs() > 4_000));
    }

    #[test]
    fn other_files_are_refused() {
        let other_rate = [&RECORDING[..24], &8_000u32.to_le_bytes()[..], &RECORDING[28..]].concat();
        for wav in [&b""[..], b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata\xff\0\0\0", &other_rate] {
            assert!(pcm(wav).is_err());
        }
    }

    #[test]
    fn an_interrupted_text_ends_with_a_word() {
        assert_eq!(part_of("Hello there you", 0.0), "");
        assert_eq!(part_of("Hello there you", 0.5), "Hello");
        assert_eq!(part_of("Hello there you", 0.99), "Hello there");
        assert_eq!(part_of("Hello there you", 1.0), "Hello there you");
    }
}
