//! How long the caller waited, over the turns of a session.

use std::time::Instant;

use schemas::{Latencies, Latency};
use tracing::debug;

/// What is known of one turn's moments.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    /// The caller stopped speaking; none of a typed turn.
    pub(crate) speech_ended: Option<Instant>,
    pub(crate) transcribed: Option<Instant>,
    pub(crate) turn_over: Option<Instant>,
    /// The model was asked; of an early reply before the turn was over.
    pub(crate) asked: Option<Instant>,
    pub(crate) first_token: Option<Instant>,
    /// The first sentence went to text to speech.
    pub(crate) first_sentence: Option<Instant>,
    pub(crate) first_audio: Option<Instant>,
}

/// How long the parts of one turn took, seconds, each where both of its moments are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waits {
    pub(crate) end_of_utterance: Option<f64>,
    pub(crate) transcription: Option<f64>,
    pub(crate) first_token: Option<f64>,
    pub(crate) first_byte: Option<f64>,
    pub(crate) end_to_end: Option<f64>,
}

impl Moments {
    fn waits(&self) -> Waits {
        let wait = |from: Option<Instant>, until: Option<Instant>| {
            Some(until?.saturating_duration_since(from?).as_secs_f64())
        };
        // Nobody waits for the sound of an early reply while the caller may go on; and what was heard before the first sentence
        // was none of the model's.
        let wanted = self.first_sentence.max(self.turn_over.filter(|_| self.first_sentence.is_some()));
        let heard = self.first_audio.filter(|heard| wanted.is_some_and(|wanted| wanted <= *heard));
        Waits {
            end_of_utterance: wait(self.speech_ended, self.turn_over),
            transcription: wait(self.speech_ended, self.transcribed),
            first_token: wait(self.asked, self.first_token),
            first_byte: wait(wanted, heard),
            end_to_end: wait(self.speech_ended, self.first_audio),
        }
    }

    /// The summary has percentiles in milliseconds; who needs each turn finds it in the log.
    fn log(&self) {
        let Some(ended) = self.speech_ended else { return };
        let after = |moment: Option<Instant>| Some(moment?.saturating_duration_since(ended).as_secs_f64());
        if let (Some(over), Some(audio)) = (after(self.turn_over), after(self.first_audio)) {
            debug!(
                turn.transcribed_seconds = after(self.transcribed),
                turn.asked_seconds = after(self.asked),
                turn.first_token_seconds = after(self.first_token),
                turn.first_sentence_seconds = after(self.first_sentence),
                turn.endpointing_seconds = over,
                turn.first_audio_seconds = audio,
                "answered a spoken turn"
            );
        }
    }
}

/// All turns of a session.
#[derive(Debug, Default)]
pub(crate) struct LatencyRecord {
    end_of_utterance: Vec<f64>,
    transcription: Vec<f64>,
    first_token: Vec<f64>,
    first_byte: Vec<f64>,
    end_to_end: Vec<f64>,
}

impl LatencyRecord {
    pub(crate) fn add(&mut self, turn: &Moments) -> Waits {
        let waits = turn.waits();
        self.end_of_utterance.extend(waits.end_of_utterance);
        self.transcription.extend(waits.transcription);
        self.first_token.extend(waits.first_token);
        self.first_byte.extend(waits.first_byte);
        self.end_to_end.extend(waits.end_to_end);
        turn.log();
        waits
    }

    pub(crate) fn summary(&self) -> Latencies {
        Latencies {
            end_of_utterance_delay: summary(&self.end_of_utterance),
            transcription_delay: summary(&self.transcription),
            llm_ttft: summary(&self.first_token),
            tts_ttfb: summary(&self.first_byte),
            e2e_latency: summary(&self.end_to_end),
        }
    }
}

fn summary(seconds: &[f64]) -> Latency {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    // The nearest rank, so that the value is one that was measured; whole milliseconds.
    let percentile = |share: f64| {
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).map_or(0.0, |value| (value * 1000.0).round() / 1000.0)
    };
    Latency { count: sorted.len() as u64, p50: percentile(0.50), p95: percentile(0.95) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_turn_is_measured_where_both_of_its_moments_are_known() {
        let start = Instant::now();
        let at = |milliseconds| Some(start + Duration::from_millis(milliseconds));
        let spoken = Moments {
            speech_ended: at(0),
            transcribed: at(300),
            turn_over: at(500),
            asked: at(500),
            first_token: at(700),
            first_sentence: at(800),
            first_audio: at(900),
        };
        let typed = Moments { turn_over: at(0), asked: at(0), first_token: at(100), ..Moments::default() };
        let mut record = LatencyRecord::default();
        record.add(&spoken);
        record.add(&typed);
        let summary = record.summary();
        assert_eq!(summary.end_of_utterance_delay, Latency { count: 1, p50: 0.5, p95: 0.5 });
        assert_eq!(summary.transcription_delay.p50, 0.3);
        assert_eq!(summary.llm_ttft, Latency { count: 2, p50: 0.1, p95: 0.2 });
        assert_eq!(summary.tts_ttfb.p50, 0.1);
        assert_eq!(summary.e2e_latency.p95, 0.9);
    }

    #[test]
    fn what_was_ready_early_took_no_longer_than_it_did() {
        let start = Instant::now();
        let at = |milliseconds| Some(start + Duration::from_millis(milliseconds));
        let early = Moments {
            turn_over: at(2_500),
            asked: at(300),
            first_token: at(500),
            first_sentence: at(600),
            first_audio: at(2_550),
            ..Moments::default()
        };
        // "One moment" was heard first.
        let late = Moments {
            turn_over: at(0),
            asked: at(0),
            first_token: at(5_800),
            first_sentence: at(6_000),
            first_audio: at(4_100),
            ..Moments::default()
        };
        let mut record = LatencyRecord::default();
        record.add(&early);
        record.add(&late);
        let summary = record.summary();
        assert_eq!(summary.llm_ttft, Latency { count: 2, p50: 0.2, p95: 5.8 });
        assert_eq!(summary.tts_ttfb, Latency { count: 1, p50: 0.05, p95: 0.05 });
    }

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(summary(&hundred), Latency { count: 100, p50: 50.0, p95: 95.0 });
        assert_eq!(summary(&[]), Latency::default());
    }
}
