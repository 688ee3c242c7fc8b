use super::*;
use crate::providers::reply::Usage;
use crate::providers::transcription::dialect::LONGEST_WORDS;

fn spoken(language: &str, vocabulary: &str) -> Spoken {
    Spoken { language: language.to_owned(), vocabulary: vocabulary.to_owned() }
}

fn read(stt: &mut RealtimeStt, events: &[Value]) -> Vec<Said> {
    events.iter().flat_map(|event| stt.read(&event.to_string()).unwrap()).collect()
}

fn transcription(kind: &str, fields: Value) -> Value {
    let mut event = fields;
    event["type"] = format!("conversation.item.input_audio_transcription.{kind}").into();
    event
}

#[test]
fn openai_is_told_the_model_and_speaches_is_asked_for_it() {
    let stt = RealtimeStt::new(Form::OpenAi, "gpt-4o-mini-transcribe");
    let hints = spoken("de", "PandaDoc, HubSpot");
    let intent = ("intent", "transcription".to_owned());
    assert_eq!((stt.path(), stt.query(&hints)), ("realtime", vec![intent.clone()]));
    assert_eq!(
        stt.open(&hints).unwrap(),
        json!({ "type": "session.update", "session": { "type": "transcription", "audio": { "input": {
            "format": { "type": "audio/pcm", "rate": 24_000 }, "turn_detection": null,
            "transcription": { "model": "gpt-4o-mini-transcribe", "language": "de", "prompt": "PandaDoc, HubSpot" },
        } } } })
    );
    let live = RealtimeStt::new(Form::OpenAi, "gpt-live-transcribe").open(&hints).unwrap();
    let transcription = &live["session"]["audio"]["input"]["transcription"];
    assert_eq!(transcription["keywords"], json!(["PandaDoc", "HubSpot"]));
    assert!(transcription.get("prompt").is_none());

    let stt = RealtimeStt::new(Form::Speaches, "Systran/faster-whisper-small");
    let query =
        vec![intent, ("model", "Systran/faster-whisper-small".to_owned()), ("language", "de".to_owned())];
    assert_eq!((stt.query(&hints), stt.open(&hints)), (query, None));
}

#[test]
fn an_utterance_ends_where_it_was_ended() {
    let mut stt = RealtimeStt::new(Form::OpenAi, "gpt-4o-mini-transcribe");
    stt.audio(&[0; 24_000]);
    assert_eq!(stt.finalize().unwrap()["type"], "input_audio_buffer.commit");
    stt.audio(&[0; 12_000]);
    let said = read(
        &mut stt,
        &[
            json!({ "type": "session.created", "session": {} }),
            json!({ "type": "input_audio_buffer.committed", "item_id": "a", "previous_item_id": null }),
            transcription("delta", json!({ "item_id": "a", "delta": "We are" })),
            transcription("delta", json!({ "item_id": "a", "delta": " twelve." })),
            json!({ "type": "something_new", "x": [1] }),
            transcription(
                "completed",
                json!({
                    "item_id": "a", "transcript": "We are twelve.", "languages": [{ "code": "en" }],
                    "usage": { "type": "tokens", "input_tokens": 10, "output_tokens": 3, "total_tokens": 13 },
                }),
            ),
        ],
    );
    let end = Some(Duration::from_secs(1));
    assert_eq!(
        said,
        [
            Said::Interim("We are".to_owned()),
            Said::Interim("We are twelve.".to_owned()),
            Said::Language("en".to_owned()),
            Said::Used(Usage { prompt_tokens: 10, completion_tokens: 3, ..Usage::default() }),
            Said::Final { text: "We are twelve.".to_owned(), start: None, end },
        ]
    );
}

#[test]
fn a_commit_of_nothing_leaves_no_end_for_the_next_utterance() {
    let mut stt = RealtimeStt::new(Form::OpenAi, "m");
    let empty = json!({ "type": "error", "error": {
        "type": "invalid_request_error", "code": "input_audio_buffer_commit_empty", "message": "",
    } });
    stt.finalize();
    // Whoever waits for words is told that there may be none.
    assert_eq!(read(&mut stt, &[empty]), [Said::Finalized]);
    stt.audio(&[0; 24_000]);
    stt.finalize();
    let committed = json!({ "type": "input_audio_buffer.committed", "item_id": "a" });
    let completed = transcription("completed", json!({ "item_id": "a", "transcript": "Two." }));
    let end = Some(Duration::from_secs(1));
    assert_eq!(
        read(&mut stt, &[committed, completed]),
        [Said::Final { text: "Two.".to_owned(), start: None, end }]
    );
}

#[test]
fn speaches_ends_utterances_by_itself_and_counts_from_where_the_last_one_ended() {
    let mut stt = RealtimeStt::new(Form::Speaches, "m");
    let utterance = |id: &str, end: u64| {
        [
            json!({ "type": "input_audio_buffer.speech_stopped", "item_id": id, "audio_end_ms": end }),
            json!({ "type": "input_audio_buffer.committed", "item_id": id }),
            transcription("completed", json!({ "item_id": id, "transcript": "Two." })),
        ]
    };
    let words = |end: u64| {
        [Said::Final { text: "Two.".to_owned(), start: None, end: Some(Duration::from_millis(end)) }]
    };
    stt.audio(&[0; 24_000]);
    assert_eq!(stt.finalize(), None);
    assert_eq!(read(&mut stt, &utterance("a", 600)), words(600));
    stt.audio(&[0; 48_000]);
    assert_eq!(read(&mut stt, &utterance("b", 1_200)), words(2_200));
    // What was not sent has no words.
    stt.audio(&[0; 24_000]);
    assert_eq!(read(&mut stt, &utterance("c", u64::MAX)), words(4_000));
}

#[test]
fn what_speaches_does_not_hear_as_speech_is_not_waited_for() {
    let event = |kind: &str| json!({ "type": format!("input_audio_buffer.{kind}"), "item_id": "a" });
    let completed = transcription("completed", json!({ "item_id": "a", "transcript": "Two." }));
    for (form, hears_nothing) in [(Form::Speaches, true), (Form::OpenAi, false)] {
        let mut stt = RealtimeStt::new(form, "m");
        assert_eq!(stt.hears_nothing(), hears_nothing);
        for event in [event("speech_started"), event("speech_stopped"), event("committed")] {
            read(&mut stt, &[event]);
            assert!(!stt.hears_nothing());
        }
        read(&mut stt, std::slice::from_ref(&completed));
        assert_eq!(stt.hears_nothing(), hears_nothing);
    }
}

#[test]
fn an_error_ends_the_connection_unless_it_changes_nothing() {
    let error = |kind: &str, code: Value| {
        json!({ "type": "error", "error": { "type": kind, "code": code, "message": "secret" } }).to_string()
    };
    let empty = error("invalid_request_error", "input_audio_buffer_commit_empty".into());
    let invalid = error("invalid_request_error", Value::Null);
    let broken = error("server_error", Value::Null);
    for (form, text, recoverable) in [
        (Form::OpenAi, &empty, None),
        (Form::OpenAi, &invalid, Some(false)),
        (Form::OpenAi, &broken, Some(true)),
        (Form::Speaches, &empty, None),
        (Form::Speaches, &invalid, None),
        (Form::Speaches, &broken, Some(true)),
    ] {
        let read = RealtimeStt::new(form, "m").read(text);
        assert_eq!(read.as_ref().err().map(ProviderError::recoverable), recoverable, "{form:?} {text}");
        assert!(!read.is_err_and(|error| error.to_string().contains("secret")));
    }
    // One failed utterance is sent again over another connection.
    let failed =
        transcription("failed", json!({ "item_id": "a", "error": { "code": "invalid_request_error" } }));
    assert!(RealtimeStt::new(Form::OpenAi, "m").read(&failed.to_string()).unwrap_err().recoverable());
}

/// A server that begins utterances and never has their words, or names without an end, or words.
#[test]
fn what_a_server_owes_has_a_bound() {
    let refused = |mut events: Box<dyn Iterator<Item = Value>>| {
        let mut stt = RealtimeStt::new(Form::Speaches, "m");
        events.find_map(|event| stt.read(&event.to_string()).err())
    };
    let began = |id: String| json!({ "type": "input_audio_buffer.speech_started", "item_id": id });
    let utterances = refused(Box::new((0..1_000).map(move |number| began(number.to_string()))));
    let names = refused(Box::new(std::iter::once(began("x".repeat(100_000)))));
    for error in [utterances, names] {
        assert!(error.is_some_and(|error| !error.recoverable()));
    }
    let mut stt = RealtimeStt::new(Form::OpenAi, "m");
    for _ in 0..100 {
        let delta = transcription("delta", json!({ "item_id": "a", "delta": "word ".repeat(1_000) }));
        let [Said::Interim(shown)] = &read(&mut stt, &[delta])[..] else { panic!("nothing is shown") };
        assert!(shown.len() <= LONGEST_WORDS, "{}", shown.len());
    }
}
