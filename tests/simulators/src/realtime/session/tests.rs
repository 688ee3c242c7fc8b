use super::*;

fn input(input: Value) -> Value {
    json!({ "type": "transcription", "audio": { "input": input } })
}

fn messages(refused: Vec<Value>) -> Vec<String> {
    refused.iter().map(|event| event["error"]["message"].as_str().unwrap_or_default().to_owned()).collect()
}

fn silence(session: &Session) -> Option<u128> {
    session.turns(&Settings::default()).endpointing.map(|silence| silence.as_millis())
}

#[test]
fn what_is_left_out_keeps_its_value() {
    let mut session = Session::openai();
    assert!(!session.transcribes());
    assert_eq!(silence(&session), Some(500));
    let changes = input(json!({
        "transcription": { "model": "gpt-4o-transcribe", "language": "en" },
        "turn_detection": { "type": "server_vad", "silence_duration_ms": 350 },
    }));
    assert_eq!(session.update(&changes), Vec::<Value>::new());
    assert_eq!((silence(&session), session.model()), (Some(350), "gpt-4o-transcribe"));
    assert_eq!(session.turn_detection()["prefix_padding_ms"], 300);
    assert!(session.update(&input(json!({ "turn_detection": null }))).is_empty());
    assert_eq!((silence(&session), session.transcribes()), (None, true));
}

#[test]
fn live_models_have_no_turn_detection() {
    let mut session = Session::openai();
    let model = json!({ "model": "gpt-live-transcribe", "languages": ["en", "de"] });
    let refused =
        session.update(&input(json!({ "transcription": model, "turn_detection": { "type": "server_vad" } })));
    assert_eq!(messages(refused), ["Turn detection is not supported by gpt-live-transcribe."]);
    assert!(!session.transcribes(), "nothing was changed");
    assert!(session.update(&input(json!({ "transcription": model }))).is_empty());
    assert!(session.is_live() && !session.detects_turns());
}

#[test]
fn openai_refuses_what_it_does_not_know() {
    for (changes, message) in [
        (
            json!({ "type": "realtime" }),
            "Passing a realtime session update event to a transcription session is not allowed.",
        ),
        (json!({ "type": "transcription", "model": "x" }), "Unknown parameter: 'session.model'."),
        (
            input(json!({ "format": { "type": "audio/pcm", "rate": 16_000 } })),
            "session.audio.input.format is audio/pcm with a rate of 24000.",
        ),
        (
            input(json!({ "transcription": { "shoe": 1 } })),
            "Unknown parameter: 'session.audio.input.transcription.shoe'.",
        ),
        (
            input(json!({ "transcription": { "model": "whisper-1", "keywords": ["CRM"] } })),
            "'languages' and 'keywords' are not supported by whisper-1.",
        ),
    ] {
        assert_eq!(messages(Session::openai().update(&changes)), [message]);
    }
}

#[test]
fn speaches_reads_the_old_form_and_goes_on_without_what_it_refuses() {
    let mut session = Session::speaches("small".to_owned(), None);
    assert_eq!((silence(&session), session.model()), (Some(350), "small"));
    let refused = session.update(&json!({
        "input_audio_format": "pcm16",
        "turn_detection": { "prefix_padding_ms": 600, "silence_duration_ms": 200 },
        "input_audio_transcription": { "model": "large" },
        "audio": { "input": { "turn_detection": null } },
    }));
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(
        messages(refused)[1]
            .starts_with("Specifying `session.turn_detection.prefix_padding_ms` is not supported.")
    );
    assert_eq!((silence(&session), session.model()), (Some(200), "large"));
    assert_eq!(session.update(&json!({ "turn_detection": null })), Vec::<Value>::new());
    assert!(!session.detects_turns());
}
