//! Which word is heard when. The synthesiser does not tell, so the words share the voice in the sound by their letters.

use serde_json::{Map, Value};

use super::protocol::{Alignment, TimedChar, TimedWord};

/// Amplitude from which a sample is voice: 36 dB below full scale.
const VOICE: u16 = 500;

/// What a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Words without the spaces between them.
    Words,
    /// Words with the space that follows each.
    SpacedWords,
    Chars,
}

impl Form {
    /// Each provider has an option of its own.
    pub(super) fn of(model: &str, extra: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| extra.get(name).and_then(Value::as_str);
        let flag = |name: &str| extra.get(name).and_then(Value::as_bool);
        match model.split('/').next() {
            Some("cartesia") => (flag("add_timestamps") == Some(true)).then_some(Self::Words),
            Some("inworld") => match text("timestamp_type") {
                Some("WORD") => Some(Self::SpacedWords),
                Some("CHARACTER") => Some(Self::Chars),
                _ => None,
            },
            Some("assemblyai") => (flag("word_timestamps") != Some(false)).then_some(Self::SpacedWords),
            _ => None,
        }
    }
}

/// Where the voice in samples begins and ends, seconds.
pub(super) fn voice(samples: &[i16], rate: u32) -> (f64, f64) {
    let is_voice = |sample: &i16| sample.unsigned_abs() >= VOICE;
    let seconds = |position: usize| position as f64 / f64::from(rate);
    let first = samples.iter().position(is_voice).unwrap_or(0);
    let last = samples.iter().rposition(is_voice).map_or(samples.len(), |last| last + 1);
    (seconds(first), seconds(last))
}

/// The times of a text whose voice begins and ends there.
pub(super) fn align(text: &str, (start, end): (f64, f64), form: Form) -> Alignment {
    let characters = text.trim().chars().count().max(1) as f64;
    let at = |position: usize| start + (end - start) * position as f64 / characters;
    if form == Form::Chars {
        let chars = text.trim().chars().enumerate();
        let chars = chars.map(|(index, char)| TimedChar { char, start: at(index), end: at(index + 1) });
        return Alignment::Chars(chars.collect());
    }
    let mut position = 0;
    let words = text.split_whitespace().map(|word| {
        let begin = position;
        let length = word.chars().count();
        position += length + 1;
        let word = if form == Form::SpacedWords { format!("{word} ") } else { word.to_owned() };
        TimedWord { word, start: at(begin), end: at(begin + length) }
    });
    Alignment::Words(words.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_share_the_voice_by_their_letters() {
        let times = |form| json!(align("Hi there. ", (1.0, 2.8), form));
        let words = times(Form::Words);
        assert_eq!(words["words"][0], json!({ "word": "Hi", "start": 1.0, "end": 1.4 }));
        assert_eq!((&words["words"][1]["word"], &words["words"][1]["end"]), (&json!("there."), &json!(2.8)));
        assert_eq!(times(Form::SpacedWords)["words"][1]["word"], "there. ");
        let chars = times(Form::Chars);
        assert_eq!(chars["chars"].as_array().map(Vec::len), Some(9));
        assert_eq!(chars["chars"][2]["char"], " ");
    }

    #[test]
    fn silence_around_the_voice_has_no_words() {
        let samples = [vec![0; 2_400], vec![5_000; 2_400], vec![0; 4_800]].concat();
        assert_eq!(voice(&samples, 24_000), (0.1, 0.2));
        assert_eq!(voice(&[0; 2_400], 24_000), (0.0, 0.1));
    }

    #[test]
    fn each_provider_is_asked_in_its_own_way() {
        let form = |model: &str, extra: Value| Form::of(model, extra.as_object().expect("options"));
        assert_eq!(form("cartesia/sonic-3", json!({})), None);
        assert_eq!(form("cartesia/sonic-3", json!({ "add_timestamps": true })), Some(Form::Words));
        assert_eq!(
            form("inworld/inworld-tts-2", json!({ "timestamp_type": "CHARACTER" })),
            Some(Form::Chars)
        );
        assert_eq!(form("assemblyai/tts", json!({})), Some(Form::SpacedWords));
        assert_eq!(form("fishaudio/s2.1-pro", json!({ "add_timestamps": true })), None);
    }
}
