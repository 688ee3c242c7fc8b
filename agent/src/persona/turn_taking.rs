//! `[turn_taking]`: the times that turns go by, in the words that LiveKit's agents have for them.

use std::ops::RangeInclusive;
use std::time::Duration;

use service::document::{self, Faults, Section};

/// What a persona sets; the agent's own where there is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TurnTakingSettings {
    /// Silence after which a turn is over that is known to be finished.
    pub min_endpointing_delay: Option<Duration>,
    /// Silence after which a turn is over that sounds as if it went on.
    pub max_endpointing_delay: Option<Duration>,
    /// Speech of this length stops the agent.
    pub min_interruption_duration: Option<Duration>,
    /// Silence after which the agent goes on, if what stopped it was no words.
    pub false_interruption_timeout: Option<Duration>,
    /// Quiet on both sides after which the caller is asked whether they are there.
    pub user_away_timeout: Option<Duration>,
    /// Whether a reply may begin before the turn is certainly over.
    pub preemptive_generation: Option<bool>,
    /// Whether a model that hears how something was said helps to find the end of a turn.
    pub turn_detector: Option<bool>,
}

const KEYS: [&str; 7] = [
    "min_endpointing_delay",
    "max_endpointing_delay",
    "min_interruption_duration",
    "false_interruption_timeout",
    "user_away_timeout",
    "preemptive_generation",
    "turn_detector",
];

pub(super) fn read(file: &mut Section<'_>, faults: &mut Faults<'_>) -> TurnTakingSettings {
    let Some(value) = file.take("turn_taking") else { return TurnTakingSettings::default() };
    let Some(mut section) = Section::of("turn_taking", value, faults) else {
        return TurnTakingSettings::default();
    };
    let at = section.at;
    let settings = TurnTakingSettings {
        min_endpointing_delay: seconds(&mut section, "min_endpointing_delay", 0.0..=10.0, faults),
        max_endpointing_delay: seconds(&mut section, "max_endpointing_delay", 0.0..=30.0, faults),
        min_interruption_duration: seconds(&mut section, "min_interruption_duration", 0.1..=10.0, faults),
        false_interruption_timeout: seconds(&mut section, "false_interruption_timeout", 0.1..=30.0, faults),
        user_away_timeout: seconds(&mut section, "user_away_timeout", 3.0..=600.0, faults),
        preemptive_generation: truth(&mut section, "preemptive_generation", faults),
        turn_detector: truth(&mut section, "turn_detector", faults),
    };
    section.finish(&KEYS, faults);
    if let (Some(min), Some(max)) = (settings.min_endpointing_delay, settings.max_endpointing_delay)
        && min > max
    {
        faults.add(at, "turn_taking: `min_endpointing_delay` is longer than `max_endpointing_delay`");
    }
    settings
}

fn seconds(
    section: &mut Section<'_>,
    key: &str,
    range: RangeInclusive<f64>,
    faults: &mut Faults<'_>,
) -> Option<Duration> {
    let number = section.number(key, faults)?;
    match number.value.as_f64().filter(|seconds| range.contains(seconds)) {
        Some(seconds) => Some(Duration::from_secs_f64(seconds)),
        None => {
            faults.add(number.at, format!("`{key}` has to be {} to {} seconds", range.start(), range.end()));
            None
        }
    }
}

fn truth(section: &mut Section<'_>, key: &str, faults: &mut Faults<'_>) -> Option<bool> {
    let value = section.take(key)?;
    let at = value.span().start;
    match document::json(&value) {
        Ok(serde_json::Value::Bool(truth)) => Some(truth),
        _ => {
            faults.add(at, format!("`{key}` has to be true or false"));
            None
        }
    }
}
