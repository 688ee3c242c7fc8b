//! A person's way: the page in a real browser.

use std::process::Command;

use serde_json::{Value, json};
use test_servers::workspace;
use tests::archive::Archive;
use tests::conversation::{self, ANSWERS};
use tests::leads::Leads;
use tests::stack::Stack;

use crate::call::SOON;

const EMAIL: &str = "test@company.com";

/// Calls until one is heard, on a busy machine.
const MOST_CALLS: usize = 3;

/// What became of a call from the page.
struct Placed {
    session_id: String,
    events: Vec<Value>,
}

impl Placed {
    async fn call(stack: &Stack, arguments: &[&str]) -> Self {
        let mut call = Command::new("node");
        call.arg(workspace().join("tests/browser/call.mjs"))
            .args(["--url", stack.environment.get("WEB_URL").unwrap(), "--email", EMAIL])
            .args(arguments);
        let output = tokio::task::spawn_blocking(move || call.output()).await.unwrap().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let log = stack.agent.log();
        assert!(output.status.success(), "{printed}\n{}\n{log}", String::from_utf8_lossy(&output.stderr));
        let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let details = events.iter().find(|event| event["event"] == "connection-details").unwrap();
        let session_id = details["answer"]["roomName"].as_str().unwrap().to_owned();
        for name in ["agent-audio", "hung-up"] {
            assert!(events.iter().any(|event| event["event"] == name), "no {name} in {printed}");
        }
        Self { session_id, events }
    }

    /// Whether each answer was heard as it was said, in their order. Between them stands what was heard otherwise: on a busy
    /// machine a browser's microphone has gaps.
    fn was_heard(&self) -> bool {
        let mut said = self.said("visitor").into_iter();
        conversation::lines().all(|answer| said.any(|text| text == answer.text))
    }

    /// Why the call ended, as the page told it.
    fn end_reason(&self) -> &Value {
        &self.events.iter().find(|event| event["event"] == "hung-up").unwrap()["end_reason"]
    }

    /// What was said by one side, as the page showed it.
    fn said(&self, speaker: &str) -> Vec<&str> {
        let said = self.events.iter().filter(|event| event["event"] == "said" && event["speaker"] == speaker);
        said.map(|event| event["text"].as_str().unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_from_the_page_reaches_the_archive_and_the_lead() {
    let stack = Stack::start().await.unwrap();
    let microphone = stack.folder.path().join("microphone.wav");
    conversation::speak("hello", &microphone).unwrap();
    let microphone = microphone.to_string_lossy();
    let placed = Placed::call(&stack, &["--seconds", "8", "--microphone", &microphone]).await;

    let archived =
        Archive::open(&stack.environment).unwrap().wait_for(&placed.session_id, SOON).await.unwrap();
    assert_eq!(archived.payload["user_email"], EMAIL);
    assert_eq!(
        (&archived.payload["end_reason"], placed.end_reason()),
        (&json!("participant_left"), &json!("participant_left"))
    );
    let received = archived.payload["metrics_summary"]["audio_received_seconds"].as_f64().unwrap();
    assert!(received > 2.0, "{received} s of sound: {:?}\n{}", placed.events, stack.agent.log());
    Leads::open(&stack.environment).unwrap().wait_for(EMAIL, &placed.session_id, SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoken_conversation_brings_the_tier_to_the_lead() {
    let stack = Stack::start().await.unwrap();
    let script = stack.folder.path().join("conversation.json");
    conversation::write_spoken(&script).unwrap();
    let script = script.to_string_lossy();
    let mut placed = Placed::call(&stack, &["--conversation", &script]).await;
    // A browser says a sentence again that was not heard, but the last one: with it the agent ends the call.
    for _ in 1..MOST_CALLS {
        if !placed.was_heard() {
            placed = Placed::call(&stack, &["--conversation", &script]).await;
        }
    }
    let payload = qualified(&stack, &placed).await;
    let metrics = &payload["metrics_summary"];
    for used in ["stt_audio_duration", "tts_audio_duration", "tts_characters_count", "llm_completion_tokens"]
    {
        assert!(metrics[used].as_f64().unwrap() > 0.0, "{used}: {metrics}");
    }
    assert!(metrics["latencies"]["e2e_latency"]["count"].as_u64().unwrap() > ANSWERS.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typed_conversation_brings_the_tier_to_the_lead() {
    let stack = Stack::start().await.unwrap();
    let script = stack.folder.path().join("conversation.json");
    conversation::write_typed(&script).unwrap();
    let placed = Placed::call(&stack, &["--conversation", &script.to_string_lossy()]).await;
    // What is typed has no gaps.
    assert_eq!(placed.said("visitor"), conversation::lines().map(|answer| answer.text).collect::<Vec<_>>());
    let payload = qualified(&stack, &placed).await;
    assert_eq!(payload["metrics_summary"]["stt_audio_duration"], 0.0);
}

/// Every answer was understood, and what follows from them is in the archive and in Salesforce.
async fn qualified(stack: &Stack, placed: &Placed) -> Value {
    assert!(placed.was_heard(), "{:?}", placed.said("visitor"));
    let archive = Archive::open(&stack.environment).unwrap();
    let payload = archive.wait_for(&placed.session_id, SOON).await.unwrap().payload;
    assert_eq!((&payload["end_reason"], placed.end_reason()), (&json!("agent_ended"), &json!("agent_ended")));
    assert_eq!(
        payload["discovered_signals"],
        json!({
            "team_size": 12,
            "documents_per_month": 40,
            "crm": "salesforce",
            "use_case": "proposals",
            "timeline": "this_month",
            "qualification_tier": "hot",
        })
    );
    let turns = placed.said("visitor").len();
    assert_eq!(payload["signal_sources"]["timeline"]["turn"], turns);
    let calls = payload["tool_calls"].as_array().unwrap();
    let named =
        |name: &str| calls.iter().filter(|call| call["name"] == name && call["outcome"] == "success").count();
    assert!((ANSWERS.len()..turns).contains(&named("record_signals")) && named("end_call") == 1);
    let transcript = payload["transcript"].as_array().unwrap();
    let of = |role: &'static str| transcript.iter().filter(move |entry| entry["role"] == role);
    assert!(of("user").map(|entry| &entry["text"]).eq(placed.said("visitor")), "{transcript:?}");
    // Of a reply that the visitor talked over, the archive has what was heard.
    let is_shown = |(entry, shown): (&Value, &str)| {
        let archived = entry["text"].as_str().unwrap();
        archived == shown || entry["interrupted"] == true && shown.starts_with(archived)
    };
    let shown = placed.said("agent");
    let are_the_same = of("agent").zip(shown.iter().copied()).all(is_shown);
    assert!(of("agent").count() == shown.len() && are_the_same, "{transcript:?}, and on the page {shown:?}");

    let leads = Leads::open(&stack.environment).unwrap();
    let lead = leads.wait_for(EMAIL, &placed.session_id, SOON).await.unwrap();
    assert_eq!(lead["Voice_Qualification_Tier__c"], "hot");
    payload
}
