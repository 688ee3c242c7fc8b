//! The times that turn taking goes by.

use std::time::Duration;

use crate::persona::TurnTakingSettings;

/// A persona may set most of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rules {
    /// Silence after which a turn is over that is known to be finished.
    pub(crate) min_endpointing: Duration,
    /// Silence after which a turn is over of which that is not known.
    pub(crate) usual_endpointing: Duration,
    /// Silence after which a turn is over that sounds as if it went on.
    pub(crate) max_endpointing: Duration,
    /// Speech of this length stops the agent: barge-in.
    pub(crate) interruption: Duration,
    /// Silence after which the agent goes on, if what stopped it turns out to be no words.
    pub(crate) false_interruption: Duration,
    /// So long after the agent's first sound nothing stops it: the caller's echo cancellation is still learning.
    pub(crate) echo_warm_up: Duration,
    /// Quiet on both sides after which the caller counts as away.
    pub(crate) away: Duration,
    /// Replies begin before it is certain that the turn is over.
    pub(crate) early_replies: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            min_endpointing: Duration::from_millis(300),
            usual_endpointing: Duration::from_millis(500),
            max_endpointing: Duration::from_secs(3),
            interruption: Duration::from_millis(500),
            false_interruption: Duration::from_secs(2),
            echo_warm_up: Duration::from_secs(3),
            away: Duration::from_secs(15),
            early_replies: true,
        }
    }
}

/// From this probability on a turn is taken for over.
const PROBABLE: f32 = 0.5;
/// For one sentence that ends in a word that others go on with, so many go on when there is a pause behind it; an assumption,
/// on the side of those who are not talked over.
const GOING_ON: f32 = 4.0;

/// What is said of a turn's end by a model that hears how it was said.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Verdict {
    /// Nobody was asked, or does not answer.
    #[default]
    None,
    /// The probability that it is over, 0 to 1.
    Probability(f32),
    /// The service that transcribes says that it is.
    Over,
}

impl Verdict {
    /// The same behind a word that sentences end in, and more of them go on with.
    pub(super) fn behind_either(self) -> Self {
        match self {
            Self::Probability(over) => Self::Probability(over / (over + GOING_ON * (1.0 - over))),
            Self::None | Self::Over => self,
        }
    }

    /// Whether it is that the turn is over.
    pub(super) fn says_so(self) -> bool {
        match self {
            Self::None => false,
            Self::Probability(probability) => probability >= PROBABLE,
            Self::Over => true,
        }
    }
}

impl Rules {
    /// Those of a persona, and the usual ones where it has none.
    pub(crate) fn of(settings: &TurnTakingSettings) -> Self {
        let usual = Self::default();
        let min_endpointing = settings.min_endpointing_delay.unwrap_or(usual.min_endpointing);
        let max_endpointing = settings.max_endpointing_delay.unwrap_or(usual.max_endpointing);
        let max_endpointing = max_endpointing.max(min_endpointing);
        Self {
            min_endpointing,
            usual_endpointing: usual.usual_endpointing.clamp(min_endpointing, max_endpointing),
            max_endpointing,
            interruption: settings.min_interruption_duration.unwrap_or(usual.interruption),
            false_interruption: settings.false_interruption_timeout.unwrap_or(usual.false_interruption),
            away: settings.user_away_timeout.unwrap_or(usual.away),
            early_replies: settings.preemptive_generation.unwrap_or(usual.early_replies),
            ..usual
        }
    }

    /// Silence after which a turn is over whose words do not tell.
    pub(super) fn endpointing(&self, verdict: Verdict) -> Duration {
        match verdict {
            Verdict::None => self.usual_endpointing,
            Verdict::Over => Duration::ZERO,
            Verdict::Probability(probability) => {
                // Below, the patience grows with the doubt.
                let doubt = 1.0 - (probability.clamp(0.0, PROBABLE) / PROBABLE);
                let patience = self.max_endpointing.saturating_sub(self.min_endpointing);
                self.min_endpointing + patience.mul_f32(doubt)
            }
        }
    }
}
