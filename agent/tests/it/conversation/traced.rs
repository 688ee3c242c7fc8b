//! A call as its trace tells it: turns, services and tools, each where it belongs, and nothing of what was said.

use std::time::{Duration, Instant};

use serde_json::json;
use service::traces::{token_span_of, trace_of};
use test_servers::collector::{Collector, Manner, ReceivedSpan, only};

use super::stage::Stage;
use crate::servers::{AGENT_NAME, wait_for};

const EMAIL: &str = "ann.lee@company.example";

/// The agent's environment.
fn told(collector: &Collector, further: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let further = further.iter().map(|(name, value)| (*name, (*value).to_owned()));
    collector.environment().into_iter().chain(further).collect()
}

fn stage(environment: &[(&'static str, String)]) -> Stage {
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Stage::new(&environment)
}

/// A call in which somebody speaks once and types twice; its spans, once all are there.
fn call(stage: &mut Stage, collector: &Collector, room: &str) -> Vec<ReceivedSpan> {
    let metadata = json!({"user_email": EMAIL, "session_start": "2025-10-29T12:03:00Z"}).to_string();
    let mut call = stage.call_with(room, json!({"agent": AGENT_NAME, "tone": false, "metadata": metadata}));
    call.waits();
    call.speaks("we are twelve people");
    call.hears("How many documents");
    call.waits();
    for (said, question) in
        [("about forty documents a month", "Where do you keep"), ("we use HubSpot", "What kind of documents")]
    {
        let answer = call.asks(said);
        assert!(answer.contains(question), "{answer}");
        call.waits();
    }
    stage.hang_up(room);
    collector.wait("the end of the call", |spans| spans.iter().any(|span| span.name == "room_disconnect"))
}

fn named<'a>(spans: &'a [ReceivedSpan], name: &str) -> Vec<&'a ReceivedSpan> {
    let mut named: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    named.sort_by_key(|span| span.began);
    named
}

#[test]
fn a_call_is_one_trace_without_a_word_of_it() {
    let collector = Collector::start(Manner::Takes);
    let mut stage = stage(&told(&collector, &[]));
    let spans = call(&mut stage, &collector, "traced");
    let trace = trace_of("traced").to_string();
    assert!(spans.iter().all(|span| span.trace == trace && span.service == "agent"), "{spans:?}");
    // Every parent is there, but for the token's, which another program tells of.
    let job = only(&spans, "job_entrypoint");
    assert_eq!(job.parent, token_span_of("traced").to_string());
    for span in spans.iter().filter(|span| span.id != job.id) {
        let parent = spans.iter().find(|parent| parent.id == span.parent);
        let parent = parent.unwrap_or_else(|| panic!("no parent of {span:?}"));
        assert!(span.began >= parent.began, "{span:?} in {parent:?}");
    }
    let session = only(&spans, "agent_session");
    for name in ["room_connect", "agent_session", "session_close", "room_disconnect"] {
        assert_eq!(only(&spans, name).parent, job.id, "{name}");
    }
    assert_eq!(session.attributes["lk.close_reason"], "participant_left");
    assert_eq!(session.attributes["postcall.user_turns"], "3");

    let turns = named(&spans, "user_turn");
    assert_eq!(turns.len(), 3, "{turns:?}");
    assert!(turns.iter().all(|turn| turn.parent == session.id));
    assert_eq!(
        [0, 1, 2].map(|turn: usize| turns[turn].attributes["postcall.typed"].as_str()),
        ["false", "true", "true"]
    );
    for name in ["user_speaking", "stt_node", "eou_wait"] {
        assert_eq!(only(&spans, name).parent, turns[0].id, "{name}");
    }
    assert!(!only(&spans, "stt_node").attributes["gen_ai.request.model"].is_empty());

    // The greeting, and three replies; those that were thrown away are told as well.
    let replies = named(&spans, "agent_turn");
    let used: Vec<_> =
        replies.iter().filter(|reply| reply.attributes["postcall.discarded"] == "false").collect();
    let answers: Vec<_> =
        used.iter().map(|reply| reply.attributes.get("postcall.turn").map(String::as_str)).collect();
    assert_eq!(answers, [None, Some("1"), Some("2"), Some("3")]);
    for reply in &used[1..] {
        let below = |name: &str| {
            spans.iter().filter(|span| span.name == name && span.parent == reply.id).collect::<Vec<_>>()
        };
        let (asked, spoken) = (below("llm_request"), below("tts_request"));
        assert!(!asked.is_empty() && !spoken.is_empty() && below("agent_speaking").len() == 1, "{reply:?}");
        for request in &asked {
            assert_eq!(request.attributes["gen_ai.operation.name"], "chat");
            assert!(
                request.attributes["gen_ai.usage.input_tokens"].parse::<u64>().unwrap_or(0) > 0,
                "{request:?}"
            );
            assert!(request.attributes.contains_key("lk.response.ttft") && !request.failed, "{request:?}");
        }
        assert_eq!(spoken[0].attributes["gen_ai.output.type"], "speech");
    }
    let tools = named(&spans, "function_tool");
    let called: Vec<_> = tools
        .iter()
        .map(|tool| (tool.attributes["gen_ai.tool.name"].as_str(), tool.parent.as_str()))
        .collect();
    assert_eq!(called, [1, 2, 3].map(|turn: usize| ("record_signals", used[turn].id.as_str())));

    let all = format!("{spans:?}").to_lowercase();
    for said in ["ann", "company", "twelve", "forty", "documents", "hubspot", "assistant of"] {
        assert!(!all.contains(said), "«{said}» in {all}");
    }
}

#[test]
fn what_was_said_stands_in_spans_where_that_is_wanted_and_addresses_never() {
    let collector = Collector::start(Manner::Takes);
    let wanted = ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true");
    let mut stage = stage(&told(&collector, &[wanted]));
    let mut call = stage.call("told");
    call.waits();
    call.asks("my address is ann.lee@company.example");
    call.waits();
    stage.hang_up("told");
    let spans = collector.wait_for(&["room_disconnect"]);
    assert_eq!(only(&spans, "user_turn").attributes["lk.pii.user_transcript"], "my address is [email]");
    let said = named(&spans, "agent_turn")[0].attributes["lk.pii.response.text"].clone();
    assert!(said.contains("AI assistant"), "{said}");
    assert!(!format!("{spans:?}").contains("company"), "{spans:?}");
}

/// Nobody waits for it: neither a caller nor the end of the program.
#[test]
fn a_collector_that_hangs_is_in_nobodys_way() {
    let collector = Collector::start(Manner::Hangs);
    let mut stage = stage(&told(&collector, &[("OTEL_BSP_MAX_QUEUE_SIZE", "2")]));
    let mut call = stage.call("hanging");
    call.waits();
    let answer = call.asks("hello there");
    assert!(answer.contains("How many people"), "{answer}");
    let session = stage.hang_up("hanging");
    assert_eq!(session.metrics_summary.user_turns, 1);
    stage.agent.wait_idle();
    wait_for("dropped spans", || {
        let metrics = stage.agent.metrics();
        let series = "postcall_traces_spans_dropped_total{reason=\"queue_full\"} ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(series))?;
        (line.parse::<u64>().ok()? > 0).then_some(())
    });
    stage.agent.signal("TERM");
    let told = Instant::now();
    assert!(stage.agent.wait_exit().success());
    // A second for the last publishes, for there is no NATS, and one for the last spans; the rest is the machine's.
    assert!(told.elapsed() < Duration::from_secs(20), "{:?}", told.elapsed());
    assert!(
        stage.agent.log().contains("the collector has not taken the last spans"),
        "{}",
        stage.agent.log()
    );
}
