//! The spans of a session that was held to its end, of one whose process has died, and of a publish.

use std::time::{Duration, SystemTime};

use schemas::{SessionEnded, SessionId, SessionIdentity};
use serde_json::{Value, json};
use service::traces::{Span, SpanData, read_traceparent, span_of, token_span_of, trace_of};

use super::JobTrace;
use super::publish::spans_of_a_publish;
use super::session::{Held, recovered, spans};

/// A job's trace as it is where traces are on, and its trace is sampled.
pub(crate) fn job_trace() -> JobTrace {
    let session_id = SessionId::try_from("room".to_owned()).unwrap();
    let job = format!("00-{}-{}-01", trace_of("room"), span_of("job", "room", "AJ_1"));
    JobTrace {
        identity: SessionIdentity { session_id, job_id: "AJ_1".to_owned() },
        job: read_traceparent(&job).unwrap(),
    }
}

/// A span: its name, the name of its parent, and what it is told by. A parent that is not among them is told by its id.
pub(crate) type Told = (String, String, Vec<(String, String)>);

pub(crate) fn told(spans: Vec<Span>) -> Vec<Told> {
    let spans: Vec<_> = spans.into_iter().map(Span::into_data).collect();
    let of = |span: &SpanData| {
        let parent = spans.iter().find(|other| other.span_context.span_id() == span.parent_span_id);
        let parent = parent.map_or_else(|| span.parent_span_id.to_string(), |parent| parent.name.to_string());
        let attributes = span.attributes.iter();
        let attributes = attributes.map(|pair| (pair.key.to_string(), pair.value.to_string())).collect();
        assert_eq!(span.span_context.trace_id(), trace_of("room"));
        assert!(span.span_context.is_sampled() && span.start_time <= span.end_time);
        (span.name.to_string(), parent, attributes)
    };
    spans.iter().map(of).collect()
}

fn session(further: Value) -> SessionEnded {
    let mut fields = json!({
        "session_id": "room", "job_id": "AJ_1", "user_email": "ann@company.com", "agent_name": "agent",
        "participant_identity": "trialist_ann@company.com",
        "user_metadata": { "user_email": "ann@company.com", "session_start": "2025-10-29T12:00:00Z" },
        "start_time": "2025-10-29T12:00:00Z", "end_time": "2025-10-29T12:01:00Z", "duration_seconds": 60.0,
        "end_reason": "participant_left", "metrics_summary": { "user_turns": 3, "llm_prompt_tokens": 70 },
        "transcript": [{
            "role": "user", "text": "I am Ann", "start_time": "2025-10-29T12:00:10Z", "end_time": "2025-10-29T12:00:11Z",
        }],
    });
    fields.as_object_mut().unwrap().append(&mut further.as_object().unwrap().clone());
    serde_json::from_value(fields).unwrap()
}

fn held(session: &SessionEnded, joined: bool) -> Held {
    let (began, ended) = (SystemTime::from(session.start_time), SystemTime::from(session.end_time));
    Held {
        assigned: began - Duration::from_secs(1),
        joined,
        exported: ended + Duration::from_secs(1),
        left: ended + Duration::from_secs(2),
    }
}

/// Which span stands below which.
pub(crate) fn tree(spans: &[Told]) -> Vec<(&str, &str)> {
    spans.iter().map(|(name, parent, _)| (name.as_str(), parent.as_str())).collect()
}

#[test]
fn a_session_is_a_tree_below_its_token() {
    let session = session(json!({}));
    let spans = told(spans(&job_trace(), &session, held(&session, true)));
    let token = token_span_of("room").to_string();
    assert_eq!(
        tree(&spans),
        [
            ("job_entrypoint", token.as_str()),
            ("room_connect", "job_entrypoint"),
            ("agent_session", "job_entrypoint"),
            ("session_close", "job_entrypoint"),
            ("room_disconnect", "job_entrypoint"),
        ]
    );
    let of_session = &spans[2].2;
    for pair in [
        ("gen_ai.operation.name", "invoke_agent"),
        ("gen_ai.conversation.id", "room"),
        ("lk.close_reason", "participant_left"),
        ("postcall.user_turns", "3"),
        ("gen_ai.usage.input_tokens", "70"),
    ] {
        assert!(of_session.contains(&(pair.0.to_owned(), pair.1.to_owned())), "{pair:?} {of_session:?}");
    }
    assert!(spans[0].2.contains(&("lk.job_id".to_owned(), "AJ_1".to_owned())));
    let all = format!("{spans:?}").to_lowercase();
    assert!(!all.contains("ann") && !all.contains("company") && !all.contains("error.type"), "{all}");
}

#[test]
fn who_did_not_come_by_a_token_of_ours_has_no_parent() {
    let session = session(json!({ "user_metadata": {}, "end_reason": "agent_failed" }));
    let spans = told(spans(&job_trace(), &session, held(&session, false)));
    assert_eq!(tree(&spans)[0], ("job_entrypoint", "0000000000000000"));
    let error = |index: usize| {
        spans[index].2.iter().find(|(key, _)| key == "error.type").map(|(_, value)| value.as_str())
    };
    assert_eq!(
        [0, 1, 2, 3].map(error),
        [Some("agent_failed"), Some("not_joined"), Some("agent_failed"), None]
    );
}

/// What the turns of the dead process hang on has to be there.
#[test]
fn the_spans_of_a_dead_process_are_those_that_it_would_have_had() {
    let alive = session(json!({}));
    let alive: Vec<_> =
        spans(&job_trace(), &alive, held(&alive, true)).into_iter().map(Span::into_data).collect();
    let dead = session(json!({ "end_reason": "agent_recovered" }));
    let dead: Vec<_> = recovered(&job_trace(), &dead).into_iter().map(Span::into_data).collect();
    let ids = |data: &SpanData| (data.name.to_string(), data.span_context.clone(), data.parent_span_id);
    assert_eq!(dead.iter().map(ids).collect::<Vec<_>>(), [ids(&alive[0]), ids(&alive[2])]);
}

#[test]
fn a_publish_is_below_its_job_and_brings_the_session_of_a_dead_process() {
    let trace = job_trace();
    let job = span_of("job", "room", "AJ_1").to_string();
    let payload = |session: &SessionEnded| serde_json::to_vec(session).unwrap();
    let left = payload(&session(json!({})));
    let spans = told(spans_of_a_publish(&trace, &left, Ok(())));
    assert_eq!(tree(&spans), [("send sessions.ended.v1", job.as_str())]);
    let size = ("messaging.message.body.size".to_owned(), left.len().to_string());
    assert!(
        spans[0].2.contains(&size)
            && spans[0].2.contains(&("messaging.message.id".to_owned(), "room-AJ_1".to_owned()))
    );
    let dead = payload(&session(json!({ "end_reason": "agent_recovered" })));
    let spans = told(spans_of_a_publish(&trace, &dead, Ok(())));
    assert_eq!(
        tree(&spans),
        [
            ("send sessions.ended.v1", "job_entrypoint"),
            ("job_entrypoint", token_span_of("room").to_string().as_str()),
            ("agent_session", "job_entrypoint"),
        ]
    );
    // Somebody said it, and nobody died.
    let said = session(json!({ "discovered_signals": { "note": "agent_recovered" } }));
    assert_eq!(spans_of_a_publish(&trace, &payload(&said), Ok(())).len(), 1);
    let failed = told(spans_of_a_publish(&trace, &dead, Err("TimedOut".to_owned())));
    assert_eq!(tree(&failed), [("send sessions.ended.v1", job.as_str())]);
    assert!(failed[0].2.contains(&("error.type".to_owned(), "TimedOut".to_owned())));
}
