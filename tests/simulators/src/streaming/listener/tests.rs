use proptest::prelude::*;

use super::*;

/// What is not silent is voice.
pub(in crate::streaming) fn loud() -> Score {
    Box::new(|frame| if frame[0] == 0 { 0.0 } else { 1.0 })
}

fn listener(endpointing: Option<u64>) -> Listener {
    let turns = Turns {
        endpointing: endpointing.map(Duration::from_millis),
        eager: Duration::from_millis(120),
        interim: Duration::from_millis(300),
    };
    Listener::new(turns, loud())
}

/// Milliseconds of voice, silence, voice …
fn sound(lengths: &[u64]) -> Vec<i16> {
    let part =
        |(index, length): (usize, &u64)| vec![if index % 2 == 0 { 1_000 } else { 0 }; *length as usize * 16];
    lengths.iter().enumerate().flat_map(part).collect()
}

fn names(steps: &[Step]) -> Vec<&'static str> {
    let name = |step: &Step| match step {
        Step::Began { .. } => "began",
        Step::Partly(_) => "partly",
        Step::Whole(_) => "whole",
        Step::Ended { .. } => "ended",
    };
    steps.iter().map(name).collect()
}

#[test]
fn an_utterance_is_recognised_while_it_grows_and_when_it_may_be_over() {
    let mut listener = listener(Some(200));
    let steps = listener.hear(&sound(&[0, 320, 800, 320]));
    assert_eq!(names(&steps), ["began", "partly", "partly", "whole", "ended"]);
    assert_eq!(steps[0], Step::Began { at: 0.32 });
    let Some(Step::Ended { clip, silence }) = steps.last() else { panic!() };
    assert_eq!(clip.speech, (0.32, 1.12));
    // What came just before belongs to it, and a little of the silence behind it.
    assert!((clip.start - 0.02).abs() < 1e-9, "{}", clip.start);
    assert!(clip.samples.len() >= 16 * (300 + 800 + 190), "{}", clip.samples.len());
    assert!((200..220).contains(&silence.as_millis()), "{silence:?}");
}

#[test]
fn who_goes_on_is_recognised_anew() {
    let steps = listener(Some(400)).hear(&sound(&[480, 200, 160, 600]));
    assert_eq!(names(&steps), ["began", "partly", "whole", "partly", "whole", "ended"]);
    let (Step::Whole(first), Step::Whole(second)) = (&steps[2], &steps[4]) else { panic!() };
    assert!(first.end < second.end && first.speech.0 == second.speech.0);
}

#[test]
fn some_utterances_end_only_when_the_client_says_so() {
    let mut listener = listener(None);
    assert_eq!(
        names(&listener.hear(&sound(&[480, 3_000, 320, 3_000]))),
        ["began", "partly", "whole", "partly", "partly", "whole"]
    );
    assert!(matches!(listener.finalize(), Some(Step::Ended { clip, .. }) if clip.speech == (0.0, 3.808)));
    assert_eq!(listener.finalize(), None);
    // Nobody speaks for a minute; what comes then is an utterance of its own.
    let steps = listener.hear(&sound(&[70_000]));
    let mut kinds = names(&steps);
    kinds.dedup();
    assert_eq!(kinds, ["began", "partly", "ended", "began", "partly"]);
}

#[test]
fn what_was_said_before_belongs_to_its_own_utterance() {
    let mut listener = listener(None);
    listener.hear(&sound(&[480, 16]));
    listener.finalize();
    listener.hear(&sound(&[480]));
    let Some(Step::Ended { clip, .. }) = listener.finalize() else { panic!() };
    assert!(clip.start >= 0.48, "{}", clip.start);
}

proptest! {
    #[test]
    fn the_pieces_in_which_sound_comes_do_not_matter(
        lengths in prop::collection::vec(0_u64..900, 1..8), piece in 1_usize..5_000
    ) {
        let sound = sound(&lengths);
        let whole = listener(Some(200)).hear(&sound);
        let mut pieces = listener(Some(200));
        let steps: Vec<_> = sound.chunks(piece).flat_map(|piece| pieces.hear(piece)).collect();
        prop_assert_eq!(names(&whole), names(&steps));
        let began = |steps: &[Step]| names(steps).iter().filter(|name| **name == "began").count();
        let ended = |steps: &[Step]| names(steps).iter().filter(|name| **name == "ended").count();
        prop_assert!(began(&whole) - ended(&whole) <= 1);
    }
}
