//! When a socket goes wrong.

use std::time::Duration;

use crate::openai::faults::Fault;

/// The frames that a fault's `after` counts.
const COUNTED: [&str; 4] = [
    "interim_transcript",
    "output_audio",
    "conversation.item.input_audio_transcription.delta",
    "input_audio_buffer.partial_transcription",
];

/// Counts until its fault is due.
pub(crate) struct Trigger {
    fault: Option<Fault>,
    frames: usize,
    counted: usize,
    sound: Duration,
    /// The client has sent the frame that it waits for.
    taken: bool,
}

impl Trigger {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { fault, frames: 0, counted: 0, sound: Duration::ZERO, taken: false }
    }

    /// For a session that has begun.
    pub(crate) fn within(fault: Fault) -> Self {
        Self { frames: 1, ..Self::new(Some(fault)) }
    }

    pub(crate) fn took(&mut self, kind: &str) {
        self.taken |= self.fault.as_ref().is_some_and(|fault| fault.on.as_deref() == Some(kind));
    }

    pub(crate) fn sent(&mut self, kind: &str) {
        self.frames += 1;
        self.counted += usize::from(COUNTED.contains(&kind));
    }

    pub(crate) fn sound(&mut self, length: Duration) {
        self.sound += length;
    }

    /// The fault, once. The first frame, by which a session begins, is always sent.
    pub(crate) fn due(&mut self) -> Option<Fault> {
        let (counted, sound, taken) = (self.counted, self.sound, self.taken);
        let begun = self.frames > 0;
        self.fault.take_if(|fault| match fault.after_ms {
            _ if !begun => false,
            _ if fault.on.is_some() => taken,
            Some(after) => sound >= Duration::from_millis(after),
            None => counted >= fault.after,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn trigger(mut fault: Value) -> Trigger {
        fault["endpoint"] = "stt".into();
        fault["kind"] = "cut".into();
        Trigger::new(Some(serde_json::from_value(fault).expect("a fault")))
    }

    #[test]
    fn a_fault_strikes_once_behind_the_first_frame() {
        let mut trigger = trigger(json!({}));
        assert_eq!(trigger.due(), None);
        trigger.sent("session.created");
        assert!(trigger.due().is_some() && trigger.due().is_none());
    }

    #[test]
    fn it_waits_for_what_the_client_sends() {
        let fault = json!({ "endpoint": "stt", "kind": "cut", "on": "session.finalize" });
        let mut trigger = Trigger::within(serde_json::from_value(fault).expect("a fault"));
        trigger.sent("interim_transcript");
        trigger.took("input_audio");
        assert_eq!(trigger.due(), None);
        trigger.took("session.finalize");
        assert!(trigger.due().is_some() && trigger.due().is_none());
    }

    #[test]
    fn it_counts_transcripts_or_sound() {
        let mut by_frames = trigger(json!({ "after": 2 }));
        let mut by_sound = trigger(json!({ "after_ms": 100 }));
        for trigger in [&mut by_frames, &mut by_sound] {
            trigger.sent("session.created");
            trigger.sent("interim_transcript");
            trigger.sent("final_transcript");
            assert_eq!(trigger.due(), None);
        }
        by_frames.sent("interim_transcript");
        assert!(by_frames.due().is_some());
        by_sound.sound(Duration::from_millis(50));
        assert_eq!(by_sound.due(), None);
        by_sound.sound(Duration::from_millis(50));
        assert!(by_sound.due().is_some());
    }
}
