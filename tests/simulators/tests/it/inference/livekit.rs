//! livekit-agents' own clients of the gateway, held against it.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use test_servers::tool;

use crate::openai::caller::{Voice, say, wav};
use crate::openai::simulator::{KEY, LIVEKIT_KEY, LIVEKIT_SECRET, Simulator};

const SENTENCES: [&str; 20] = [
    "hello there",
    "good morning",
    "we are twelve people",
    "about forty",
    "there are three of us",
    "just me",
    "two hundred a month",
    "we send thirty contracts a month",
    "we use hubspot",
    "we are on salesforce",
    "we do not have one",
    "as soon as possible",
    "next quarter",
    "we are just looking around",
    "that would be me",
    "sales proposals",
    "employment contracts",
    "can you repeat that",
    "no that is all thank you goodbye",
    "one moment please",
];

#[tokio::test]
async fn livekit_agents_hears_thinks_and_speaks_by_it() {
    let simulator = Simulator::with_persona();
    let folder = tempfile::tempdir().unwrap();
    let mut heard = Vec::new();
    for (number, sentence) in SENTENCES.iter().enumerate() {
        let samples = say(sentence, Voice::Flite, 16_000);
        heard.push(simulator.hear(&samples, 16_000).await);
        std::fs::write(folder.path().join(format!("{number}.wav")), wav(&samples, 16_000)).unwrap();
    }
    std::fs::write(folder.path().join("heard.json"), json!(heard).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/inference/livekit_client.py");
    let mut python = Command::new(tool("peers/bin/python"));
    python.arg(script).args([&simulator.url, LIVEKIT_KEY, LIVEKIT_SECRET, KEY]).arg(folder.path());
    let output = tokio::task::spawn_blocking(move || python.output()).await.unwrap();
    let output = output.expect("start python (deploy/dev/install.sh peers)");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    assert!(simulator.all_closed("stt").await >= SENTENCES.len() as u64);
    assert!(simulator.all_closed("tts").await >= 1);
}
