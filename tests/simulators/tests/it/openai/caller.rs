//! A caller's voice, and the way of it through a codec.

#![expect(unsafe_code, reason = "the codec's interface is C's")]

use std::io::Write;
use std::process::{Command, Stdio};

use unsafe_libopus::{
    OPUS_APPLICATION_VOIP, OPUS_OK, OPUS_SET_BITRATE_REQUEST, opus_decode, opus_decoder_create,
    opus_decoder_destroy, opus_encode, opus_encoder_create, opus_encoder_ctl, opus_encoder_destroy,
};

/// The synthesiser that speaks for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Flite's `slt`: made of a person's recordings, and what the demo's caller speaks with.
    Flite,
    /// espeak-ng's American voice at a speed in words a minute.
    Espeak(u32),
}

/// `text` as 16-bit samples at a rate in Hz, with half a second of silence around it.
pub(crate) fn say(text: &str, voice: Voice, rate: u32) -> Vec<i16> {
    let wav = match voice {
        Voice::Flite => {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut flite = Command::new("flite");
            flite.args(["-voice", "slt", "-t", text, "-o"]).arg(file.path());
            assert!(flite.status().expect("start flite").success());
            std::fs::read(file.path()).unwrap()
        }
        Voice::Espeak(speed) => {
            let mut espeak = Command::new("espeak-ng");
            espeak.args(["-v", "en-us", "-s", &speed.to_string(), "--stdout", text]);
            espeak.output().expect("start espeak-ng").stdout
        }
    };
    let mut sox = Command::new("sox")
        .args([
            "-V0",
            // Dither is noise, and other noise each time.
            "-D",
            "-t",
            "wav",
            "--ignore-length",
            "-",
            "-t",
            "raw",
            "-e",
            "signed",
            "-b",
            "16",
            "-c",
            "1",
            "-r",
        ])
        .args([&rate.to_string(), "-", "gain", "-n", "-6", "pad", "0.25", "0.25"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start sox");
    let mut input = sox.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all(&wav));
    let sound = sox.wait_with_output().unwrap().stdout;
    writing.join().unwrap().unwrap();
    sound.as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect()
}

/// A WAV file.
pub(crate) fn wav(samples: &[i16], sample_rate: u32) -> Vec<u8> {
    let format = hound::WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, format).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    file.into_inner()
}

/// What is left of samples at 48 kHz behind Opus at 32 kbit/s, in packets of 20 ms, as a call has it.
pub(crate) fn through_opus(samples: &[i16]) -> Vec<i16> {
    const RATE: i32 = 48_000;
    const FRAME: usize = 960;
    let mut heard = Vec::with_capacity(samples.len());
    // SAFETY: the states are made and destroyed here, and every pointer is valid for the length given with it.
    unsafe {
        let (mut encoder_error, mut decoder_error) = (OPUS_OK, OPUS_OK);
        let encoder = opus_encoder_create(RATE, 1, OPUS_APPLICATION_VOIP, &mut encoder_error);
        let decoder = opus_decoder_create(RATE, 1, &mut decoder_error);
        assert_eq!((encoder_error, decoder_error), (OPUS_OK, OPUS_OK));
        assert_eq!(opus_encoder_ctl!(encoder, OPUS_SET_BITRATE_REQUEST, 32_000), OPUS_OK);
        for frame in samples.as_chunks::<FRAME>().0 {
            let (mut packet, mut sound) = ([0; 1_500], [0; FRAME]);
            let length = opus_encode(encoder, frame.as_ptr(), FRAME as i32, packet.as_mut_ptr(), 1_500);
            assert!(length > 0);
            let frames =
                opus_decode(&mut *decoder, packet.as_ptr(), length, sound.as_mut_ptr(), FRAME as i32, 0);
            assert_eq!(frames, FRAME as i32);
            heard.extend(sound);
        }
        opus_encoder_destroy(encoder);
        opus_decoder_destroy(decoder);
    }
    heard
}
