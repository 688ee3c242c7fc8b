//! What callers, livekit-server, services and models send, and the file of a persona: the fuzz targets in `fuzz/` call these with
//! any bytes, the test with those that they begin with.

use serde_json::{Map, Value};

use crate::conversation::decode_pre_connect_audio;
use crate::persona::{DEFAULT, Persona};
use crate::redaction::redact;
use crate::{providers, session, worker};

/// What separates the parts of an input: no text has it.
const END: u8 = 0xff;
/// A minute of 16 kHz.
const LONGEST_RECORDING: usize = 60 * 16_000;

/// Messages of livekit-server for the worker.
pub fn worker(bytes: &[u8]) {
    worker::hostile::messages(bytes);
}

/// A participant's metadata.
pub fn metadata(bytes: &[u8]) {
    session::hostile::metadata(bytes);
}

/// Data packets of a participant's.
pub fn data_packets(bytes: &[u8]) {
    session::hostile::data_packets(bytes);
}

/// The stream of a language model's reply.
pub fn reply(bytes: &[u8]) {
    providers::hostile::reply(bytes);
}

/// What recognisers and voices say on their sockets.
pub fn service_texts(bytes: &[u8]) {
    providers::hostile::service_texts(bytes);
}

/// The sound of a voice.
pub fn sound(bytes: &[u8]) {
    providers::hostile::sound(bytes);
}

/// A recording from before the agent was there: WebM, or PCM of some form.
///
/// # Panics
/// When it becomes more than a minute.
pub fn recording(bytes: &[u8]) {
    let Some((first, recording)) = bytes.split_first() else { return };
    let rate = ["8000", "16000", "48000", "192000"][usize::from(first % 4)];
    let channels = ["1", "2", "8", "9"][usize::from(first / 4 % 4)];
    let decode = || decode_pre_connect_audio("audio/pcm", Some(rate), Some(channels), recording.to_vec());
    if let Ok(samples) = caught(decode) {
        assert!(samples.len() <= LONGEST_RECORDING, "{} samples", samples.len());
    }
}

/// Panics that are caught are no finding, and would be one by the fuzzer's hook.
fn caught<T>(decode: impl FnOnce() -> T) -> T {
    if !cfg!(fuzzing) {
        return decode();
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let decoded = decode();
    std::panic::set_hook(hook);
    decoded
}

/// A persona's file, and what a model proposes as signals of the usual persona.
///
/// # Panics
/// When a fault is at no line, or what was accepted is not accepted again.
pub fn persona(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == END);
    let (file, arguments) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if let Ok(text) = str::from_utf8(file) {
        match Persona::parse(text) {
            Ok(persona) => {
                drop(persona.record_signals_schema());
                persona.qualify(&Map::new());
            }
            Err(faults) => {
                let lines = 1 + text.matches('\n').count();
                assert!(!faults.is_empty() && faults.iter().all(|fault| (1..=lines).contains(&fault.line)));
            }
        }
    }
    let Ok(arguments) = serde_json::from_slice::<Value>(arguments) else { return };
    let persona = Persona::parse(DEFAULT).expect("read the usual persona");
    let (accepted, rejected) = persona.validate_signals(&arguments);
    assert!(rejected.iter().all(|(name, why)| name.len() <= 256 && why.len() <= 2_000));
    persona.qualify(&accepted);
    let again = persona.validate_signals(&Value::Object(accepted.clone()));
    assert_eq!(again, (accepted, Vec::new()));
}

/// What somebody said, with an address in it.
///
/// # Panics
/// When the address is left in it, or what is left changes again.
pub fn redaction(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let once = redact(&text);
    assert_eq!(redact(&once), once);
    let (before, after) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let address = "bob.lee@secret.example";
    let redacted = redact(&format!("{before} {address} {after}"));
    // Whole: what has no domain, such as the name alone, is no address.
    assert!(!redacted.contains(address), "{redacted:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_does_harm() {
        fuzz_seeds::feed(&[
            ("worker", worker),
            ("metadata", metadata),
            ("data_packets", data_packets),
            ("recording", recording),
            ("reply", reply),
            ("service_texts", service_texts),
            ("sound", sound),
            ("persona", persona),
            ("redaction", redaction),
        ]);
    }
}
