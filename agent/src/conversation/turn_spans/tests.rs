//! The trees of a spoken and of a typed turn, of replies that were spoken, cut short and thrown away, and of a tool.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use service::traces::Span;

use super::*;
use crate::providers::reply::Usage;
use crate::providers::usage::ServiceName;
use crate::traces::tests::{Told, job_trace, told, tree};

struct Times {
    start: Instant,
    clock: Clock,
}

impl Times {
    fn new() -> Self {
        Self { start: Instant::now(), clock: Clock::now() }
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    fn time(&self, milliseconds: u64) -> DateTime<Utc> {
        self.clock.at(self.at(milliseconds)).into()
    }

    /// When spans began and ended, milliseconds from the start.
    fn of(&self, spans: &[Span]) -> Vec<(String, u128, u128)> {
        let start = self.clock.at(self.start);
        let since =
            |time: SystemTime| (time.duration_since(start).unwrap() + Duration::from_micros(500)).as_millis();
        let of = |span: &Span| {
            let data = span.clone().into_data();
            (data.name.to_string(), since(data.start_time), since(data.end_time))
        };
        spans.iter().map(of).collect()
    }
}

fn attribute(told: &[Told], span: usize, key: &str) -> Option<String> {
    told[span].2.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
}

#[test]
fn a_spoken_turn_tells_what_the_caller_waited_for() {
    let (times, trace) = (Times::new(), job_trace());
    let spoken = Spoken { began: times.at(100), ended: times.at(1_100), transcribed: times.at(1_300) };
    let transcribed_by = Some(("openai", "whisper-1"));
    let turn =
        UserTurn { number: 2, spoken: Some(spoken), over: times.at(1_600), transcribed_by, text: None };
    let spans = user_turn(&trace, times.clock, &turn);
    assert_eq!(
        times.of(&spans),
        [
            ("user_turn", 100, 1_600),
            ("user_speaking", 100, 1_100),
            ("stt_node", 100, 1_300),
            ("eou_wait", 1_100, 1_600)
        ]
        .map(|(name, began, ended)| (name.to_owned(), began, ended))
    );
    let told = told(spans);
    let session = trace.session().span_id().to_string();
    assert_eq!(
        tree(&told),
        [
            ("user_turn", session.as_str()),
            ("user_speaking", "user_turn"),
            ("stt_node", "user_turn"),
            ("eou_wait", "user_turn"),
        ]
    );
    assert_eq!(attribute(&told, 0, "postcall.turn").as_deref(), Some("2"));
    assert_eq!(attribute(&told, 0, "lk.end_of_turn_delay").as_deref(), Some("0.5"));
    assert_eq!(attribute(&told, 2, "gen_ai.request.model").as_deref(), Some("whisper-1"));
    assert_eq!(attribute(&told, 2, "lk.transcription_delay").as_deref(), Some("0.2"));
}

#[test]
fn a_typed_turn_is_one_span_and_has_its_text_only_where_it_is_given() {
    let (times, trace) = (Times::new(), job_trace());
    let turn = |text| UserTurn { number: 1, spoken: None, over: times.at(5), transcribed_by: None, text };
    let without = told(user_turn(&trace, times.clock, &turn(None)));
    assert_eq!((without.len(), attribute(&without, 0, "lk.pii.user_transcript")), (1, None));
    assert_eq!(attribute(&without, 0, "postcall.typed").as_deref(), Some("true"));
    let with = told(user_turn(&trace, times.clock, &turn(Some("I am ann@company.com"))));
    assert_eq!(attribute(&with, 0, "lk.pii.user_transcript").as_deref(), Some("I am a***@company.com"));
}

fn asked(provider: Provider, service: &str, began: Instant) -> Asked {
    Asked::new(ServiceName { provider, service: service.into(), model: "m".into() }, began)
}

#[test]
fn a_reply_tells_each_service_that_was_asked_for_it() {
    let (times, trace) = (Times::new(), job_trace());
    let usage = Usage { prompt_tokens: 70, completion_tokens: 9, ..Usage::default() };
    let (model, voice) = (Provider::LanguageModel, Provider::TextToSpeech);
    let all = [
        Asked { ended: Some(times.at(20)), failed: true, ..asked(model, "first", times.at(10)) },
        Asked {
            answers: Some(times.at(120)),
            ended: Some(times.at(400)),
            usage: Some(usage),
            ..asked(model, "second", times.at(20))
        },
        Asked {
            answers: Some(times.at(350)),
            ended: Some(times.at(500)),
            characters: 30,
            seconds: 2.0,
            ..asked(voice, "openai", times.at(200))
        },
        asked(voice, "openai", times.at(510)),
    ];
    let moments = Moments {
        speech_ended: Some(times.at(0)),
        asked: Some(times.at(10)),
        first_audio: Some(times.at(360)),
        ..Moments::default()
    };
    let said = Said { start_time: Some(times.time(360)), seconds: 1.5, whole: false, ..Said::default() };
    let turn = AgentTurn {
        number: Some(2),
        discarded: false,
        moments: &moments,
        asked: &all,
        said: &said,
        ended: times.at(1_900),
        text: None,
    };
    let spans = agent_turn(&trace, times.clock, &turn);
    assert_eq!(spans[0].clone().into_data().span_context, trace.agent_turn(2));
    assert_eq!(
        times.of(&spans),
        [
            ("agent_turn", 10, 1_900),
            ("llm_request", 10, 20),
            ("llm_request", 20, 400),
            ("tts_request", 200, 500),
            // Given up with the reply.
            ("tts_request", 510, 1_900),
            ("agent_speaking", 360, 1_860),
        ]
        .map(|(name, began, ended)| (name.to_owned(), began, ended))
    );
    let told = told(spans);
    assert!(tree(&told)[1..].iter().all(|(_, parent)| *parent == "agent_turn"), "{told:?}");
    assert_eq!(attribute(&told, 0, "lk.interrupted").as_deref(), Some("true"));
    assert_eq!(attribute(&told, 0, "lk.e2e_latency").as_deref(), Some("0.36"));
    assert_eq!(attribute(&told, 1, "error.type").as_deref(), Some("_OTHER"));
    assert_eq!(attribute(&told, 2, "error.type"), None);
    for (span, key, value) in [
        (2, "gen_ai.operation.name", "chat"),
        (2, "gen_ai.provider.name", "second"),
        (2, "gen_ai.usage.input_tokens", "70"),
        (2, "gen_ai.usage.output_tokens", "9"),
        (2, "lk.response.ttft", "0.1"),
        (3, "gen_ai.output.type", "speech"),
        (3, "lk.response.ttfb", "0.15"),
        (3, "postcall.characters", "30"),
    ] {
        assert_eq!(attribute(&told, span, key).as_deref(), Some(value), "{key}");
    }
}

#[test]
fn a_reply_that_was_thrown_away_is_no_reply_to_its_turn() {
    let (times, trace) = (Times::new(), job_trace());
    let (moments, said) = (Moments { asked: Some(times.at(10)), ..Moments::default() }, Said::default());
    let turn = |number, discarded| AgentTurn {
        number,
        discarded,
        moments: &moments,
        asked: &[],
        said: &said,
        ended: times.at(50),
        text: None,
    };
    let discarded = agent_turn(&trace, times.clock, &turn(Some(2), true));
    assert_ne!(discarded[0].clone().into_data().span_context, trace.agent_turn(2));
    assert_eq!(attribute(&told(discarded), 0, "postcall.discarded").as_deref(), Some("true"));
    // The greeting answers no turn.
    let greeting = told(agent_turn(&trace, times.clock, &turn(None, false)));
    assert_eq!((greeting.len(), attribute(&greeting, 0, "postcall.turn")), (1, None));
}

#[test]
fn a_tool_is_below_the_reply_that_called_it_and_a_made_up_name_is_not_told() {
    let trace = job_trace();
    let call = |outcome: &str| -> ToolCall {
        serde_json::from_value(json!({
            "name": "mail_ann", "arguments": { "to": "ann" }, "outcome": outcome,
            "start_time": "2025-10-29T12:00:00Z", "duration_seconds": 0.25,
        }))
        .unwrap()
    };
    let span = function_tool(&trace, 2, &call("success"), true, None);
    let data = span.clone().into_data();
    assert_eq!(data.parent_span_id, trace.agent_turn(2).span_id());
    assert_eq!(data.end_time.duration_since(data.start_time).unwrap(), Duration::from_millis(250));
    let known = told(vec![span]);
    assert_eq!(attribute(&known, 0, "gen_ai.tool.name").as_deref(), Some("mail_ann"));
    assert_eq!(attribute(&known, 0, "gen_ai.tool.call.arguments"), None);
    let made_up = told(vec![function_tool(&trace, 2, &call("error"), false, None)]);
    assert_eq!(attribute(&made_up, 0, "gen_ai.tool.name").as_deref(), Some("unknown"));
    assert_eq!(attribute(&made_up, 0, "lk.function_tool.is_error").as_deref(), Some("true"));
    assert!(!format!("{made_up:?}").contains("ann"));
}
