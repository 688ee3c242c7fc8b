//! The words of a spoken turn so far, as a service has told them: those that stay, and those that may change. No IO.

use super::typed::LONGEST_TURN;

/// What was heard of a turn. Nobody says more than [`LONGEST_TURN`] in one: what is beyond it was made up by the service.
#[derive(Debug, Default)]
pub(super) struct TurnWords {
    settled: String,
    interim: String,
}

impl TurnWords {
    /// Further words that stay, in the place of those that could change; whether all of them were taken.
    pub(super) fn settle(&mut self, words: &str) -> bool {
        self.interim.clear();
        if !self.settled.is_empty() && !words.is_empty() {
            self.settled.push(' ');
        }
        self.settled.push_str(words);
        cut(&mut self.settled, LONGEST_TURN)
    }

    /// Words behind those that stay, which may change; whether all of them were taken.
    pub(super) fn show(&mut self, interim: String) -> bool {
        self.interim = interim;
        cut(&mut self.interim, LONGEST_TURN - self.settled.len())
    }

    /// Nothing may change any more, or what could is not theirs.
    pub(super) fn forget_interim(&mut self) {
        self.interim.clear();
    }

    /// Those that stay.
    pub(super) fn settled(&self) -> &str {
        &self.settled
    }

    pub(super) fn all(&self) -> String {
        let parts = [self.settled.as_str(), self.interim.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// Whether a text is no longer than that; it is not, afterwards.
fn cut(text: &mut String, most: usize) -> bool {
    let fits = text.len() <= most;
    text.truncate(text.floor_char_boundary(most));
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_stay_take_the_place_of_those_that_could_change() {
        let mut words = TurnWords::default();
        assert!(words.show("we are".to_owned()));
        assert_eq!((words.settled(), words.all()), ("", "we are".to_owned()));
        assert!(words.settle("We are twelve.") && words.show("in sales".to_owned()));
        assert_eq!((words.settled(), words.all()), ("We are twelve.", "We are twelve. in sales".to_owned()));
        words.forget_interim();
        assert!(words.settle(""));
        assert_eq!(words.all(), "We are twelve.");
    }

    #[test]
    fn a_service_cannot_make_a_turn_longer_than_one_may_be() {
        let mut words = TurnWords::default();
        for _ in 0..100 {
            words.settle(&"字".repeat(1_000));
            words.show("字".repeat(1_000_000));
            assert!(words.all().len() <= LONGEST_TURN + 1, "{}", words.all().len());
        }
        assert!(!words.settle("more") && !words.show("more".to_owned()));
        assert!(words.settled().len() > LONGEST_TURN - 3);
    }
}
