//! Words that nobody said: what recognisers write of silence, noise, or music.

use std::time::Duration;

/// Nobody says more words in a second, or in a moment.
const MOST_WORDS_A_SECOND: f64 = 8.0;
const MOMENT_WORDS: f64 = 3.0;
/// How often a phrase follows itself before it is a loop, and a word: numbers are spelled, and a yes may be emphatic.
const MOST_REPETITIONS: usize = 4;
const MOST_REPETITIONS_OF_A_WORD: usize = 8;
/// A sound too short for the politeness that recognisers like to hear in it.
const CLICK: Duration = Duration::from_millis(300);

/// In small letters, without signs: what films end with, of which recognisers have learnt.
const NEVER_SAID: [&str; 16] = [
    "you",
    "thank you for watching",
    "thanks for watching",
    "thank you so much for watching",
    "thank you very much for watching",
    "please subscribe",
    "like and subscribe",
    "please like and subscribe",
    "see you in the next video",
    "we'll see you next time",
    "subtitles by the amara org community",
    "untertitel der amara org community",
    "untertitel im auftrag des zdf für funk 2017",
    "vielen dank fürs zuschauen",
    "sous titres réalisés par la communauté d'amara org",
    "subtítulos por la comunidad de amara org",
];
const POLITE: [&str; 6] = ["thank you", "thank you very much", "thanks", "bye", "bye bye", "okay"];

/// Whether a text was made up, of so much voice. A service that `listens` to all that comes may hear more voice than was noticed
/// here, so that its words may be more.
pub(super) fn is_invented(text: &str, voice: Duration, listens: bool) -> bool {
    let plain: String = text
        .to_lowercase()
        .chars()
        .map(|character| if character.is_alphanumeric() || character == '\'' { character } else { ' ' })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let plain = words.join(" ");
    NEVER_SAID.contains(&plain.as_str())
        || (voice < CLICK && POLITE.contains(&plain.as_str()))
        || (!listens && words.len() as f64 > MOMENT_WORDS + MOST_WORDS_A_SECOND * voice.as_secs_f64())
        || goes_round(&words)
}

/// A phrase of up to six words, again and again.
fn goes_round(words: &[&str]) -> bool {
    (1..=6).any(|length| {
        let phrases: Vec<&[&str]> = words.chunks_exact(length).collect();
        let most = if length == 1 { MOST_REPETITIONS_OF_A_WORD } else { MOST_REPETITIONS };
        let is_spelled = |phrase: &[&str]| phrase.iter().all(|word| *word == phrase[0]);
        phrases.windows(most).any(|phrases| {
            let is_loop = phrases.iter().all(|phrase| *phrase == phrases[0]);
            is_loop && (length == 1 || !is_spelled(phrases[0]))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_said_is_told_from_what_was_said() {
        for (text, milliseconds, invented) in [
            ("We are twelve people.", 1_200, false),
            ("No, no, no, no, wait.", 1_500, false),
            ("one one one one two", 1_500, false),
            ("My number is five five five five one two", 3_000, false),
            ("zero zero zero zero zero zero seven", 3_000, false),
            ("really really really really good", 2_000, false),
            ("the the the the the the the the the", 5_000, true),
            ("Thank you.", 600, false),
            ("Thank you.", 200, true),
            ("Thanks for watching!", 2_000, true),
            ("you", 900, true),
            ("you are right", 900, false),
            ("of the year, we want to go with two hundred numbers, and then", 400, true),
            ("we do it right now, we do it right now, we do it right now, we do it right now", 8_000, true),
            ("MHMOKIC", 900, false),
        ] {
            assert_eq!(is_invented(text, Duration::from_millis(milliseconds), false), invented, "{text}");
        }
        assert!(!is_invented("we are about twelve people in sales", Duration::ZERO, true));
        assert!(is_invented("Thanks for watching!", Duration::ZERO, true));
    }
}
