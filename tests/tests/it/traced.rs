//! One trace from the token to the Lead, whatever becomes of the programs on the way.

use test_servers::Signal;
use test_servers::collector::{Collector, Manner, ReceivedSpan, drawn, roots};
use tests::archive::Archive;
use tests::caller::{Caller, ConnectionDetails};
use tests::leads::Leads;
use tests::stack::Stack;

use crate::call::SOON;

const EMAIL: &str = "test@company.com";

/// A call in which somebody has said something and heard the answer.
async fn talking(stack: &Stack) -> Caller {
    let details = ConnectionDetails::request(&stack.environment, EMAIL).await.unwrap();
    let mut caller = Caller::join_without_microphone(&stack.environment, &details).await.unwrap();
    caller.wait_for_agent(SOON).await.unwrap();
    caller.wait_until_heard(SOON).await.unwrap();
    caller.say("hello").await.unwrap();
    caller.wait_for_words("on your team", SOON).await.unwrap();
    caller
}

/// The spans of a call, once both sinks have told of it and no parent is missing.
fn trace_of(collector: &Collector, room: &str) -> Vec<ReceivedSpan> {
    let trace = service::traces::trace_of(room).to_string();
    let of_call =
        |spans: &[ReceivedSpan]| spans.iter().filter(|span| span.trace == trace).cloned().collect::<Vec<_>>();
    let whole = |spans: &[ReceivedSpan]| {
        let settled = |service: &str| {
            spans.iter().any(|span| span.service == service && span.name.starts_with("process "))
        };
        settled("sink-s3") && settled("sink-salesforce") && roots(spans).len() == 1
    };
    of_call(&collector.wait("a call's trace", |spans| whole(&of_call(spans))))
}

/// Each name with that of its parent's; nothing personal is in it, and its beginning is the token.
fn tree(spans: &[ReceivedSpan]) -> Vec<(&str, &str)> {
    let all = format!("{spans:?}");
    for personal in [EMAIL, "company.com", "trialist", "Hello", "hello"] {
        assert!(!all.contains(personal), "{personal}: {all}");
    }
    assert_eq!(roots(spans)[0].name, "POST connection-details", "{}", drawn(spans));
    let parent = |span: &ReceivedSpan| {
        spans.iter().find(|parent| parent.id == span.parent).map_or("", |parent| parent.name.as_str())
    };
    spans.iter().map(|span| (span.name.as_str(), parent(span))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_one_trace_from_its_token_to_its_lead_also_where_the_agent_is_killed() {
    let collector = Collector::start(Manner::Takes);
    let mut stack = Stack::start_with(&collector.environment()).await.unwrap();
    let caller = talking(&stack).await;
    let room = caller.session_id.clone();
    caller.hang_up().await.unwrap();
    let (archive, leads) =
        (Archive::open(&stack.environment).unwrap(), Leads::open(&stack.environment).unwrap());
    archive.wait_for(&room, SOON).await.unwrap();
    leads.wait_for(EMAIL, &room, SOON).await.unwrap();
    let whole = trace_of(&collector, &room);
    let told = tree(&whole);
    for pair in [
        ("job_entrypoint", "POST connection-details"),
        ("agent_session", "job_entrypoint"),
        ("user_turn", "agent_session"),
        ("agent_turn", "agent_session"),
        ("llm_request", "agent_turn"),
        ("send sessions.ended.v1", "job_entrypoint"),
        ("process sessions.ended.v1", "send sessions.ended.v1"),
        ("S3/PutObject", "process sessions.ended.v1"),
        ("salesforce query", "process sessions.ended.v1"),
        ("salesforce update", "process sessions.ended.v1"),
    ] {
        assert!(told.contains(&pair), "{pair:?}\n{}", drawn(&whole));
    }

    let caller = talking(&stack).await;
    let room = caller.session_id.clone();
    let trace = service::traces::trace_of(&room).to_string();
    // What the agent has told of before its death.
    collector.wait("the turn", |spans| {
        spans.iter().any(|span| {
            span.trace == trace && span.name == "agent_turn" && span.attributes.contains_key("postcall.turn")
        })
    });
    stack.agent.stop(Signal::Kill).unwrap();
    caller.hang_up().await.unwrap();
    stack.agent.start().unwrap();
    archive.wait_for(&room, SOON).await.unwrap();
    leads.wait_for(EMAIL, &room, SOON).await.unwrap();
    let killed = trace_of(&collector, &room);
    let told = tree(&killed);
    for pair in [
        ("job_entrypoint", "POST connection-details"),
        ("agent_session", "job_entrypoint"),
        ("user_turn", "agent_session"),
        ("process sessions.ended.v1", "send sessions.ended.v1"),
        ("S3/PutObject", "process sessions.ended.v1"),
    ] {
        assert!(told.contains(&pair), "{pair:?}\n{}", drawn(&killed));
    }
    let session = killed.iter().find(|span| span.name == "agent_session").unwrap();
    assert_eq!((session.failed, session.attributes["lk.close_reason"].as_str()), (true, "agent_recovered"));
}
