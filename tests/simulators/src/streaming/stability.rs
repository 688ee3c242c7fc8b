//! Interim words whose front stays as it is.

use crate::openai::heard::Word;

/// The words of an utterance that were shown so far.
#[derive(Default)]
pub(super) struct Stability {
    shown: usize,
    last: Vec<Word>,
}

impl Stability {
    /// What a further hypothesis makes sure of: the words that the one before it had as well, but for its last, which is
    /// often only a part of a longer one. `None` where that is nothing new.
    pub(super) fn agree(&mut self, hypothesis: Vec<Word>) -> Option<Vec<Word>> {
        let alike = self.last.iter().zip(&hypothesis).take_while(|(last, now)| last.word == now.word).count();
        let agreed = alike.min(hypothesis.len().saturating_sub(1));
        if alike < self.shown {
            // What was shown is not taken back; a hypothesis that fits it may come.
            return None;
        }
        self.last = hypothesis;
        (agreed > self.shown).then(|| {
            self.shown = agreed;
            self.last[..agreed].to_vec()
        })
    }

    /// What the words of the whole utterance add to what was shown.
    pub(super) fn settle(&mut self, whole: &[Word]) -> Option<Vec<Word>> {
        let fits = self.last[..self.shown].iter().zip(whole).all(|(shown, word)| shown.word == word.word);
        if !fits || whole.len() <= self.shown {
            return None;
        }
        self.shown = whole.len();
        self.last = whole.to_vec();
        Some(whole.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::openai::heard::Heard;

    fn words(text: &str) -> Vec<Word> {
        Heard::spread(text, 1.0).words
    }

    fn text(words: Vec<Word>) -> String {
        Heard { words }.text()
    }

    #[test]
    fn words_are_shown_when_two_hypotheses_have_them() {
        let mut stability = Stability::default();
        let mut shown = Vec::new();
        for hypothesis in [
            "we",
            "we send",
            "we send thirty",
            "we send thirty eight",
            "we send thirty two",
            "we send thirty contracts",
            "we send thirty contracts a",
        ] {
            shown.extend(stability.agree(words(hypothesis)).map(text));
        }
        assert_eq!(shown, ["we", "we send", "we send thirty", "we send thirty contracts"]);
        let whole = words("we send thirty contracts a month");
        assert_eq!(stability.settle(&whole).map(text).as_deref(), Some("we send thirty contracts a month"));
        assert_eq!(stability.settle(&whole), None);
    }

    #[test]
    fn what_was_shown_is_not_taken_back() {
        let mut stability = Stability::default();
        assert_eq!(stability.agree(words("we are two a")), None);
        assert_eq!(stability.agree(words("we are two people")).map(text).as_deref(), Some("we are two"));
        assert_eq!(stability.agree(words("we are twelve people")), None);
        assert_eq!(stability.settle(&words("we are twelve people")), None);
    }

    proptest! {
        #[test]
        fn each_interim_begins_with_the_one_before(
            hypotheses in prop::collection::vec(prop::collection::vec("[ab]", 0..5), 0..12)
        ) {
            let mut stability = Stability::default();
            let mut before = String::new();
            for hypothesis in hypotheses {
                let Some(shown) = stability.agree(words(&hypothesis.join(" "))).map(text) else { continue };
                prop_assert!(shown.starts_with(&before) && shown.len() > before.len());
                before = shown;
            }
        }
    }
}
