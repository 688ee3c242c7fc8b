//! LiveKit's plugin for OpenAI, with its realtime transcription, held against both forms.

use std::path::Path;
use std::process::Command;

use test_servers::tool;

use crate::openai::caller::{Voice, say, wav};
use crate::openai::simulator::{KEY, Simulator};

#[tokio::test]
async fn the_plugin_transcribes_by_it() {
    let simulator = Simulator::with_persona();
    let folder = tempfile::tempdir().unwrap();
    for sentence in ["we are twelve people", "we send thirty contracts a month", "we use hubspot"] {
        let samples = say(sentence, Voice::Flite, 24_000);
        assert_eq!(simulator.hear(&samples, 24_000).await, sentence);
        std::fs::write(folder.path().join(sentence).with_extension("wav"), wav(&samples, 24_000)).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/realtime/plugin_client.py");
    let mut python = Command::new(tool("peers/bin/python"));
    python.arg(script).args([&simulator.url, KEY]).arg(folder.path());
    let output = tokio::task::spawn_blocking(move || python.output()).await.unwrap();
    let output = output.expect("start python (deploy/dev/install.sh peers)");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    assert!(simulator.all_closed("realtime").await >= 3);
}
