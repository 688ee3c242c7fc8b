//! Voices that break off in the middle of a reply.

use super::*;
use crate::persona::{DEFAULT, Persona};
use crate::providers::text_to_speech::scripted::{Act, voices};
use crate::providers::usage::{ServiceName, Used};

const ONE: &str = "One, two three four.";
const TWO: &str = "Five six seven.";

struct Uncounted;

impl Account for Uncounted {
    fn may_hear(&self, _: &ServiceName, _: f64) -> bool {
        true
    }

    fn used(&self, _: &ServiceName, _: Used) {}
}

fn breaks(milliseconds: usize, words: &'static [(&'static str, u64)], passes: bool) -> Act {
    Act { milliseconds, words, breaks: Some(passes) }
}

/// What the player is given of two sentences, without the sound, and who was asked for what.
async fn said(acts: Vec<Vec<Act>>) -> (Vec<String>, Vec<(usize, String)>) {
    let (text_to_speech, asked) = voices(acts);
    let persona = Persona::parse(DEFAULT).unwrap();
    let cached_speech = Arc::new(CachedSpeech::new(text_to_speech, &persona));
    let synthesis = Synthesis { cached_speech, budget: None, account: Arc::new(Uncounted) };
    let (sentences_tx, sentences_rx) = mpsc::unbounded_channel();
    let (audio_tx, mut audio_rx) = mpsc::channel(AHEAD);
    for sentence in [ONE, TWO] {
        sentences_tx.send(sentence.to_owned()).unwrap();
    }
    drop(sentences_tx);
    synthesis.run(sentences_rx, audio_tx).await;
    let mut parts = Vec::new();
    while let Some(part) = audio_rx.recv().await {
        parts.extend(match part {
            Part::Sentence(text) => Some(text),
            Part::SentenceEnd => Some("end".to_owned()),
            Part::Resumed(at) => Some(format!("on at {at}")),
            Part::BrokeOff => Some("broke off".to_owned()),
            Part::Failed(_) => Some("failed".to_owned()),
            Part::Samples(_) | Part::Words(_) => None,
        });
    }
    let asked = asked.lock().unwrap().clone();
    (parts, asked)
}

fn texts(texts: &[(usize, &str)]) -> Vec<(usize, String)> {
    texts.iter().map(|(voice, text)| (*voice, (*text).to_owned())).collect()
}

#[tokio::test]
async fn the_next_voice_goes_on_behind_the_last_word_that_was_heard() {
    let words = &[("One", 400), ("two", 800), ("three", 1_200)];
    let (parts, asked) = said(vec![vec![breaks(1_000, words, false)], vec![]]).await;
    assert_eq!(parts, [ONE, "on at 9", "end", TWO, "end"]);
    assert_eq!(asked, texts(&[(0, ONE), (1, "three four."), (1, TWO)]));
    // All of the sentence was heard, and nothing of it is asked for.
    let words = &[("One", 400), ("two", 800), ("three", 1_200), ("four", 1_600)];
    let (parts, asked) = said(vec![vec![breaks(2_000, words, true)], vec![]]).await;
    assert_eq!(parts, [ONE, "on at 20", "end", TWO, "end"]);
    assert_eq!(asked, texts(&[(0, ONE), (1, TWO)]));
}

#[tokio::test]
async fn what_was_hardly_heard_is_said_again_and_what_was_heard_for_longer_is_not() {
    let (parts, asked) = said(vec![vec![breaks(300, &[], true)], vec![]]).await;
    assert_eq!(parts, [ONE, "on at 0", "end", TWO, "end"]);
    assert_eq!(asked, texts(&[(0, ONE), (1, ONE), (1, TWO)]));
    let (parts, asked) = said(vec![vec![breaks(900, &[], true)], vec![]]).await;
    assert_eq!(parts, [ONE, "broke off", TWO, "end"]);
    assert_eq!(asked, texts(&[(0, ONE), (1, TWO)]));
    // Behind the last sentence nothing makes up for it.
    let whole = Act { milliseconds: 1_000, words: &[], breaks: None };
    let (parts, _) = said(vec![vec![whole, breaks(900, &[], true)], vec![]]).await;
    assert_eq!(parts, [ONE, "end", TWO, "broke off", "failed"]);
}

#[tokio::test]
async fn each_other_voice_takes_over_once_and_one_that_is_alone_is_asked_again_once() {
    let short = || breaks(100, &[], true);
    let (parts, asked) = said(vec![vec![short()], vec![short()], vec![]]).await;
    assert_eq!(parts, [ONE, "on at 0", "on at 0", "end", TWO, "end"]);
    assert_eq!(asked, texts(&[(0, ONE), (1, ONE), (2, ONE), (2, TWO)]));
    assert_eq!(said(vec![vec![short()], vec![short()]]).await.0, [ONE, "on at 0", "failed"]);
    assert_eq!(said(vec![vec![short()]]).await.0, [ONE, "on at 0", "end", TWO, "end"]);
    assert_eq!(said(vec![vec![short(), short()]]).await.0, [ONE, "on at 0", "failed"]);
    assert_eq!(said(vec![vec![breaks(100, &[], false)]]).await.0, [ONE, "failed"]);
}
